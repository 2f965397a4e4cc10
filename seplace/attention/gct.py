"""Gated channel transformation (Yang et al., 2020, arXiv:1909.11519)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, OnePlusTanh, full_dtype


class GCT(FullPrecisionGate):
    """g(u) = 1 + tanh(γ ŝ + β), ŝ = s / √(mean_c s² + ε), s = α √(Σ u² + ε) over the map: 3C parameters, no MACs.

    It starts as the identity with either init, since α = 1 and γ = β = 0 at the start in the paper. ε = 1e-5.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:  # noqa: ARG002 (both starts are the same)
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.epsilon = 1e-5
        self.squash = OnePlusTanh()

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        energy = u.to(full_dtype(u)).square().sum((2, 3)).clamp(max=self.largest_squared**2)
        embedding = self.alpha * (energy + self.epsilon).sqrt()
        normalized = embedding * (embedding.square().mean(1, keepdim=True) + self.epsilon).rsqrt()
        gate: Tensor = self.squash(self.gamma * normalized + self.beta)
        return gate[:, :, None, None].to(u.dtype)
