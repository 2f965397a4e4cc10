"""Style-based recalibration (Lee et al., 2019, arXiv:1903.10829)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, full_dtype, refuse_single_value, squashing


class SRM(FullPrecisionGate):
    """g(u) = σ(BN(w₁ mean(u) + w₂ std(u))), with statistics over H and W: 2C + 2C parameters, 2C MACs.

    std = √(var + ε) with ε = 1e-5 and the variance divided by HW, so that a map of one pixel has a gradient, too.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.integrate = nn.Conv1d(channels, channels, 2, groups=channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.epsilon = 1e-5
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.norm.weight)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        if self.training:
            refuse_single_value(u.shape[0], "SRM's batch norm cannot train on one image: use a larger batch")
        pixels = u.to(full_dtype(u))
        mean = pixels.mean((2, 3))
        variance = pixels.var((2, 3), correction=0).clamp(max=self.largest_squared**2)
        style = torch.stack([mean, (variance + self.epsilon).sqrt()], dim=2).to(self.integrate.weight.dtype)
        gate: Tensor = self.squash(self.norm(self.integrate(style)))
        return gate[:, :, :, None].to(u.dtype)
