"""MACs: multiply-adds of convolutions, linear layers and matrix products, which papers often call FLOPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def macs(network: nn.Module, images: Tensor) -> int:
    """Return the multiply-adds of one forward pass: half of what torch's FlopCounterMode counts."""
    from seplace.costs.counting import count_operators
    from seplace.costs.operators import MULTIPLY_ADD_OPERATORS

    counts = count_operators(network, images).flops
    return sum(count for operator, count in counts.items() if operator in MULTIPLY_ADD_OPERATORS)


MACS = Cost(unit="MACs", measure=macs)
