"""Spatial group-wise enhancement (Li et al., 2019, arXiv:1905.09646)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, full_dtype, squashing


class SGE(FullPrecisionGate):
    """g(u) = σ(w ĉ + b) for each group of channels and each pixel: 2G parameters, no MACs.

    c = ⟨avgpool(u), u⟩ over the channels of a group, ĉ = (c − mean(c)) / (std(c) + 1e-5) over pixels, the variance
    divided by HW. G = gcd(64, C) groups: 64 as in the paper, wherever 64 divides C.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.groups = math.gcd(64, channels)
        self.weight = nn.Parameter(torch.zeros(self.groups))
        self.bias = nn.Parameter(torch.zeros(self.groups) if init == "identity" else torch.ones(self.groups))
        self.epsilon = 1e-5
        self.squash = squashing(init)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        images, channels, height, width = u.shape
        grouped = u.to(full_dtype(u)).reshape(images, self.groups, -1, height, width)
        pooled = grouped.mean((3, 4), keepdim=True).clamp(-self.largest_squared, self.largest_squared)
        similarity = (pooled * grouped).sum(2)
        centered = similarity - similarity.mean((2, 3), keepdim=True)
        spread = similarity.std((2, 3), correction=0, keepdim=True)
        score = self.weight[:, None, None] * (centered / (spread + self.epsilon)) + self.bias[:, None, None]
        gate: Tensor = self.squash(score)
        return gate.to(u.dtype)[:, :, None].expand_as(grouped).reshape(images, channels, height, width)
