"""The description of a cost: its unit, how it is measured, and whether it is additive over stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost of a network in eval mode on images of shape (1, C, H, W); smaller is better."""

    unit: str
    measure: Callable[[nn.Module, Tensor], float]
    """Returns the cost in `unit`; an int where the cost is a count."""
    is_count: bool = True
    """Whether the cost is a count: an integer that depends on shapes alone and is exactly additive over stages."""
