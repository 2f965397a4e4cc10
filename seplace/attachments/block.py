"""What an attachment needs of a block."""

from __future__ import annotations

from typing import Protocol

from torch import nn


class Block(Protocol):
    """A block that computes φ(join(F(x), S(x))); an attachment replaces its join or extends its residual branch."""

    in_channels: int
    out_channels: int
    residual: nn.Module
    """F: a Sequential, so that its layers can be preceded by a gate."""
    join: nn.Module
    """Takes F(x) and S(x), both of `out_channels`."""
