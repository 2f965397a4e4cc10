"""FLOPs: fvcore's total with a handle for every operator that the network runs. The default cost axis."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.costs.cost import Cost
from seplace.costs.counting import count_operators


def flops(network: nn.Module, images: Tensor) -> int:
    """Return the operations of one forward pass (see `counting` for what each operator is charged)."""
    return sum(count_operators(network, images).values())


FLOPS = Cost(unit="FLOPs", measure=flops)
