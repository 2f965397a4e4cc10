"""The number of trainable parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def params(network: nn.Module, images: Tensor) -> int:  # noqa: ARG001 - every cost has the same signature
    """Return the number of trainable parameters; running statistics are not counted."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


PARAMS = Cost(unit="parameters", measure=params)
