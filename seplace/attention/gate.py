"""What several gates share: hidden units, the squashing of their output, and full precision."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TwiceSigmoid(nn.Module):
    """2σ(x): a gate between 0 and 2 that is exactly 1, with a live gradient, where its input is 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return 2 * torch.sigmoid(x)


def squashing(init: str) -> nn.Module:
    """Return σ for the papers' gates, 2σ for gates that start at one."""
    return {"paper": nn.Sigmoid, "identity": TwiceSigmoid}[init]()


def hidden_units(channels: int, ratio: int, min_hidden: int) -> int:
    """Return h = max(⌊C/r⌋, min_hidden); ValueError where C/r leaves none, since such a gate is a constant 0.5."""
    if channels // ratio < 1:
        raise ValueError(f"a reduction ratio of {ratio} leaves {channels} channels no hidden unit")
    return max(channels // ratio, min_hidden)


def full_precision(u: Tensor) -> torch.autocast:
    """Return a context in which layers run in the precision of their weights, also under mixed precision."""
    return torch.autocast(u.device.type, enabled=False)
