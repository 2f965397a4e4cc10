"""Efficient channel attention (Wang et al., 2020, arXiv:1910.03151)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, squashing


class ECA(FullPrecisionGate):
    """g(u) = σ(conv1d_k(avgpool(u))) across channels, no bias: k parameters, k·C MACs.

    The kernel k follows equation 12 of the paper with γ = 2 and b = 1, 3 for 16 to 64 channels, 5 for 128 to 1024,
    unless an odd one is given. An even kernel would change the number of channels.
    """

    def __init__(self, channels: int, *, init: str = "paper", kernel: int | str = "adaptive") -> None:
        super().__init__()
        width = adaptive_kernel(channels) if kernel == "adaptive" else int(kernel)
        self.conv = nn.Conv1d(1, 1, width, padding=width // 2, bias=False)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.conv.weight)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        squeezed = u.mean((2, 3), dtype=self.conv.weight.dtype)
        gate: Tensor = self.squash(self.conv(squeezed[:, None, :]))
        return gate[:, 0, :, None, None].to(u.dtype)


def adaptive_kernel(channels: int) -> int:
    """Return the odd kernel of equation 12: t = ⌊|(log2 C + 1) / 2|⌋, or t + 1 where t is even."""
    nearest = int(abs((math.log2(channels) + 1) / 2))
    return nearest if nearest % 2 else nearest + 1
