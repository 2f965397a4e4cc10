"""Selective kernel (Li et al., 2019, arXiv:1903.06586): the block's 3x3 convolution and a dilated one, mixed.

It is not a gate, since it weights two maps: it has an attachment of its own, `kernel`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units, refuse_single_value


class OwnAlone(nn.Module):
    """(2a, 2b − 1) of two weights that sum to one: (1, 0), the block's own convolution alone, where they are equal."""

    def forward(self, weights: Tensor) -> Tensor:
        """Map (N, 2, C) to (N, 2, C)."""
        own, dilated = weights.unbind(1)
        return torch.stack([2 * own, 2 * dilated - 1], dim=1)


class SK(FullPrecisionGate):
    """Softmax over two branches of W' φ(BN(W avgpool(U))), with U their sum and m = max(C/r, 32) hidden units.

    Cm + 2m + 2Cm parameters and 3Cm MACs, without biases.
    """

    def __init__(self, channels: int, *, ratio: int, min_hidden: int = 1, init: str = "paper") -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, max(32, min_hidden))
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, 2 * channels, bias=False)
        self.start = {"paper": nn.Identity, "identity": OwnAlone}[init]()
        if init == "identity":
            nn.init.zeros_(self.expand.weight)

    def compute(self, u: Tensor) -> Tensor:
        """Return the weights (N, 2, C, 1, 1) of two maps whose sum is u (N, C, H, W)."""
        if self.training:
            refuse_single_value(u.shape[0], "SK's batch norm cannot train on one image: use a larger batch")
        squeezed = u.mean((2, 3), dtype=self.reduce.weight.dtype)
        scores = self.expand(self.relu(self.norm(self.reduce(squeezed))))
        weights: Tensor = self.start(scores.reshape(u.shape[0], 2, -1).softmax(1))
        return weights[..., None, None].to(u.dtype)
