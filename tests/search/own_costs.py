"""Costs, an executor and a gate as users bring them, by import path."""

import torch
from torch import Tensor, nn

from seplace.costs.cost import Cost
from seplace.executors.inline import Inline


def _weights(network: nn.Module, _images: Tensor) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _convolutions(network: nn.Module, _images: Tensor) -> int:
    return sum(isinstance(module, nn.Conv1d | nn.Conv2d) for module in network.modules())


def _failing(network: nn.Module, _images: Tensor) -> float:
    return float(network.energy)


energy = Cost(unit="mJ", measure=lambda network, images: 0.5 + _weights(network, images) ** 0.5, is_count=False)
convolutions = Cost(unit="convolutions", measure=_convolutions)
not_whole = Cost(unit="mJ", measure=lambda network, images: _weights(network, images) / 3)
no_sum = Cost(unit="weights²", measure=lambda network, images: _weights(network, images) ** 2)
failing = Cost(unit="mJ", measure=_failing, is_count=False)
endless = Cost(unit="mJ", measure=lambda _network, _images: float("inf"), is_count=False)
no_cost = _weights


class OneByOne(Inline):
    """An executor of the user's own."""


class Half(nn.Module):
    """A gate of the user's own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))

    def forward(self, u: Tensor) -> Tensor:
        return self.scale.expand(len(u), -1, -1, -1)
