"""Trainable parameters."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.costs.cost import Cost


def params(network: nn.Module, images: Tensor) -> int:  # noqa: ARG001 - every cost has the same signature
    """Return the number of trainable parameters; running statistics are none."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


PARAMS = Cost(unit="parameters", measure=params)
