"""MACs: multiply-adds of convolutions, linear layers and matrix products, as the papers' GFLOP columns mean them."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.costs.cost import Cost
from seplace.costs.counting import MULTIPLY_ADD_OPERATORS, count_operators


def macs(network: nn.Module, images: Tensor) -> int:
    """Return the multiply-adds of one forward pass: half of what torch's FlopCounterMode counts."""
    counts = count_operators(network, images)
    return sum(count for operator, count in counts.items() if operator in MULTIPLY_ADD_OPERATORS)


MACS = Cost(unit="MACs", measure=macs)
