"""FLOPs: fvcore's total with a handle for every operator that the network runs. The default cost axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def flops(network: nn.Module, images: Tensor) -> int:
    """Return the operations of one forward pass (see `counting` for what each operator is charged)."""
    from seplace.costs.counting import count_operators  # a figure asks for the unit alone, without torch

    return sum(count_operators(network, images).values())


FLOPS = Cost(unit="FLOPs", measure=flops)
