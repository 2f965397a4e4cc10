"""The attachments that a block of a foreign network takes, found by trials: empty slots must not change its output."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from seplace.backbones.foreign.copying import copy_of
from seplace.backbones.foreign.logits import as_plain
from seplace.backbones.foreign.slotted import SlotForm, give_slots, slotted


class Copied(nn.Module):
    """The identity with a copy of its input, as a gate of one returns."""

    def forward(self, u: Tensor) -> Tensor:
        """Return a tensor of the shape of `u`."""
        return u.clone()


def widths_of(plain: nn.Module, form: SlotForm, images: Tensor) -> dict[str, int] | None:
    """Return the attachments that a block takes in a form, with the widths of their gates, by running it.

    None where the block does not have the form, or its output with slots, in training or in inference, is not equal to
    the bit.
    """
    block = copy_of(plain)
    if not give_slots(block, form, None):
        return None
    view = slotted(block)
    assert view is not None
    shapes: dict[str, list[torch.Size]] = {}
    hooks = [
        view.layers(slot).register_forward_hook(
            lambda _slot, _inputs, output, slot=slot: shapes.setdefault(slot, []).append(output.shape)
        )
        for slot in view.slots.names
        if slot != "join"
    ]
    expected = outputs_of(plain, images)
    output = expected[0]
    if not isinstance(output, Tensor) or not are_equal(outputs_of(block, images, training=(False,)), expected[:1]):
        return None
    for hook in hooks:
        hook.remove()
    joined = form == "joined"
    maps = {slot: seen[0] for slot, seen in shapes.items() if len(seen) == 1 and len(seen[0]) == 4}
    joining = {maps.get(slot) for slot in ("residual", "shortcut") if joined or slot == "residual"}
    if len(joining) > 1 or any(shape is None or shape[1] != output.shape[1] for shape in joining):
        return None
    if not are_equal(outputs_of(block, images), expected):
        return None
    sound = set(maps)
    if not are_equal(outputs_of(_with_copies(block, maps), images), expected):
        sound = {slot for slot in maps if are_equal(outputs_of(_with_copies(block, [slot]), images), expected)}
    slots = {"serial": "residual", "parallel": "shortcut" if joined else "residual", "cross": "residual"}
    slots |= {"pre": "entry", "post": "output", "inner": "inner"}
    return {name: maps[slot][1] for name, slot in slots.items() if slot in sound and (joined or name != "cross")}


def _with_copies(block: nn.Module, slots: Iterable[str]) -> nn.Module:
    changed = copy_of(block)
    view = slotted(changed)
    assert view is not None
    for slot in slots:
        view.put(slot, Copied())
    return changed


def outputs_of(module: nn.Module, images: Tensor, training: tuple[bool, ...] = (False, True)) -> list[Any]:
    """Return the outputs of copies of a module for images, in inference and in training, on one random seed.

    An output is None where the module cannot be run in the mode.
    """
    return [_output(copy_of(module), images, is_training=mode) for mode in training]


def _output(module: nn.Module, images: Tensor, *, is_training: bool) -> Any:
    module.train(is_training)
    devices = [images.device] if images.is_cuda else []
    batch = torch.cat([images, images.flip(3)])  # a batch norm cannot train on one value a channel
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.default_generator.manual_seed(0)
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
        state = random.getstate()
        random.seed(0)
        try:
            return as_plain(module(batch))
        except (Exception, SystemExit):  # the user's code may not work in this mode; then it must fail with slots, too
            return None
        finally:
            random.setstate(state)


def are_equal(some: list[Any], others: list[Any]) -> bool:
    """Whether outputs, which may be nested, are equal to the bit, or None on both sides.

    Their memory layouts must be equal, too, since later operators may round differently for another layout.
    """
    return all(_is_equal(one, other) for one, other in zip(some, others, strict=True))


def _is_equal(one: Any, other: Any) -> bool:
    (some, shape), (others, other_shape) = tree_flatten(one), tree_flatten(other)
    return shape == other_shape and all(
        _layout(left) == _layout(right) and torch.allclose(left, right, rtol=0, atol=0, equal_nan=True)
        if isinstance(left, Tensor) and isinstance(right, Tensor) and left.shape == right.shape
        else type(left) is type(right) and not isinstance(left, Tensor) and left == right
        for left, right in zip(some, others, strict=True)
    )


def _layout(tensor: Tensor) -> list[int]:
    return [stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size > 1]
