"""No attention: the gate that is one everywhere. It is never built into a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoAttention(nn.Module):
    """g(u) = 1. A stage with this choice keeps its plain blocks, so it costs nothing."""

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.channels = channels
        self.init = init

    def forward(self, u: Tensor) -> Tensor:
        """Return ones of shape (1, C, 1, 1) for u of shape (N, C, H, W)."""
        return torch.ones(1, self.channels, 1, 1, dtype=u.dtype, device=u.device)
