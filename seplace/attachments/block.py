"""The interface of blocks that attachments use."""

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
    """The channels of F(x)."""
    out_channels: int
    inner_channels: int
    """The channels of the 3x3 convolution inside F."""
    has_shortcut: bool
    join: nn.Module
    """The join of F(x) and S(x); only a block with a shortcut has one."""

    def put(self, slot: str, module: nn.Module) -> None:
        """Put a module into a slot.

        `entry` is before F, `inner` after the 3x3 convolution inside F, `residual` after F, `shortcut` after S, and
        `output` after φ.
        """

    def replace_inner(self, make: Callable[[nn.Sequential], nn.Module]) -> None:
        """Replace the 3x3 convolution, its norm and its non-linearity by the module that `make` builds of them."""
