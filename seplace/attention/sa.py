"""Shuffle attention (Zhang & Yang, 2021, arXiv:2102.00240)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, full_dtype, squashing


class ShuffleAttention(FullPrecisionGate):
    """g(u) = σ(w₁ mean(u) + b₁) in the first half of each group of channels, σ(w₂ (γ û + β) + b₂) in the second.

    û = (u − mean(u)) / √(var(u) + 1e-5), with statistics of each channel over H and W. All G groups share their
    parameters: 3C/G parameters, no MACs. G = gcd(64, C/2): 64 as in the paper, wherever 128 divides C; an odd C is one
    group. The paper shuffles the channels of u ⊙ g(u) afterwards. Between layers that mix channels this only renames
    them, so the gate leaves it out.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.groups = 1 if channels % 2 else math.gcd(64, channels // 2)
        first = channels // self.groups // 2
        second = channels // self.groups - first
        start = {"paper": torch.ones, "identity": torch.zeros}[init]
        self.halves = [first, second]
        self.channel_weight = nn.Parameter(torch.zeros(first, 1, 1))
        self.channel_bias = nn.Parameter(start(first, 1, 1))
        self.norm_weight = nn.Parameter(torch.ones(second, 1, 1))
        self.norm_bias = nn.Parameter(torch.zeros(second, 1, 1))
        self.spatial_weight = nn.Parameter(torch.zeros(second, 1, 1))
        self.spatial_bias = nn.Parameter(start(second, 1, 1))
        self.epsilon = 1e-5
        self.squash = squashing(init)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        images, channels, height, width = u.shape
        grouped = u.to(full_dtype(u)).reshape(images, self.groups, -1, height, width)
        pooled, mapped = torch.split(grouped, self.halves, dim=2)
        channel = self.channel_weight * pooled.mean((3, 4), keepdim=True) + self.channel_bias
        centered = mapped - mapped.mean((3, 4), keepdim=True)
        bounded = centered.clamp(-self.largest_squared, self.largest_squared)
        normalized = centered * (bounded.square().mean((3, 4), keepdim=True) + self.epsilon).rsqrt()
        spatial = self.spatial_weight * (self.norm_weight * normalized + self.norm_bias) + self.spatial_bias
        gate: Tensor = self.squash(torch.cat([channel.expand_as(pooled), spatial], dim=2))
        return gate.to(u.dtype).reshape(images, channels, height, width)
