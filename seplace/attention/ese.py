"""Effective squeeze-and-excitation, from CenterMask (Lee & Park, 2020, arXiv:1911.06667)."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, squashing


class ESE(FullPrecisionGate):
    """g(u) = hardsigmoid(W avgpool(u) + b), without a reduction: C² + C parameters, C² MACs."""

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.excite = nn.Linear(channels, channels)
        self.squash = squashing(init, "hardsigmoid")
        if init == "identity":
            nn.init.zeros_(self.excite.weight)
            nn.init.zeros_(self.excite.bias)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        gate: Tensor = self.squash(self.excite(u.mean((2, 3), dtype=self.excite.weight.dtype)))
        return gate[:, :, None, None].to(u.dtype)
