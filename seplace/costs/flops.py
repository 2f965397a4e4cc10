"""FLOPs: fvcore's total with a rule for every operator that the network runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def flops(network: nn.Module, images: Tensor) -> int:
    """Return the FLOPs of one forward pass; `operators` has the rule of each operator."""
    from seplace.costs.counting import known_flops  # imports torch, which the unit does not need

    return known_flops(network, images)


FLOPS = Cost(unit="FLOPs", measure=flops)
