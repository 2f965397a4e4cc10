"""The stages of a network as modules of their own, so that each can be counted alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def stages_of(network: Any) -> list[nn.Module]:
    """Return the stages of a network, each a module that maps its input to the next one's."""
    return list(network.stages)


def stage_inputs(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Return what each stage is given when the network runs on `images`."""
    inputs: list[Tensor] = []
    hooks = [
        stage.register_forward_pre_hook(lambda _stage, arguments: inputs.append(arguments[0]))
        for stage in stages_of(network)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return inputs
