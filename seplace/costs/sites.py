"""The blocks of a network, each to be counted alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seplace.backbones.foreign.slotted import slots_of


def block_inputs(network: nn.Module, paths: Sequence[str], images: Tensor) -> dict[str, Tensor]:
    """Return the input of each block by its path, as the network runs on `images`."""
    inputs: dict[str, Tensor] = {}

    def noting(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _block, arguments: inputs.update({path: arguments[0]})

    hooks = [network.get_submodule(path).register_forward_pre_hook(noting(path)) for path in paths]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return inputs


def likeness(block: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Return a key that is equal for blocks of equal cost: layers, code of a traced block, and shape of the input.

    A foreign block whose code is unknown, or that has hooks, has a key of its own.
    """
    slots = slots_of(block)
    code = "" if slots is None else slots.source or str(id(block))
    if any(module._forward_hooks or module._forward_pre_hooks for module in block.modules()):
        code = str(id(block))
    return type(block).__qualname__, repr(block), code, str(tuple(inputs.shape))
