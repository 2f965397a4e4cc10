"""What an attachment needs of a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import nn

MakeAttention = Callable[[int], Any]
"""Builds the module A(u) for a number of channels; its `gate` is the module g(u)."""


class BlockWithSlots(Protocol):
    """A block that computes φ(join(F(x), S(x))), or F(x) alone where it has no shortcut."""

    in_channels: int
    residual_channels: int
    """Of F(x)."""
    out_channels: int
    inner_channels: int
    """Of the 3x3 convolution inside F."""
    has_shortcut: bool
    join: nn.Module
    """Takes F(x) and S(x); only of a block with a shortcut."""

    def put(self, slot: str, module: nn.Module) -> None:
        """Put a module into `entry`, `inner`, `residual`, `shortcut` or `output`: before, inside, after F, S, φ."""

    def replace_inner(self, make: Callable[[nn.Sequential], nn.Module]) -> None:
        """Put what `make` builds of the 3x3 convolution, its norm and non-linearity, in their place."""
