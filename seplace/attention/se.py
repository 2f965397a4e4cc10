"""Squeeze-and-excitation (Hu et al., 2018)."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.attention.gate import full_precision, hidden_units, squashing


class SE(nn.Module):
    """g(u) = σ(W2 φ(W1 avgpool(u))) with h = C/r hidden units and no biases: 2Ch parameters and MACs."""

    def __init__(self, channels: int, *, ratio: int, min_hidden: int = 1, init: str = "paper") -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, min_hidden)
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels, bias=False)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.expand.weight)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        with full_precision(u):
            squeezed = u.mean((2, 3), dtype=self.reduce.weight.dtype)
            gate: Tensor = self.squash(self.expand(self.relu(self.reduce(squeezed))))
        return gate[:, :, None, None].to(u.dtype)
