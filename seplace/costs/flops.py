"""FLOPs: fvcore's total with a rule for every operator that the network runs. The default cost axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def flops(network: nn.Module, images: Tensor) -> int:
    """Return the operations of one forward pass (see `operators` for what each is charged)."""
    from seplace.costs.counting import known_flops  # a figure asks for the unit alone, without torch

    return known_flops(network, images)


FLOPS = Cost(unit="FLOPs", measure=flops)
