"""Blocks of a foreign network that take gates: the user's own modules, each with a class of its own.

A block stays the object that it was, with its layers, tensors, attributes and hooks, and so do the keys of its state;
only its class becomes one of a further forward, which runs the slots. Torch's parametrizations work in the same way.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, fx, nn

from seplace.backbones.block import Addition, insert_layer
from seplace.backbones.tracing import BlockGraph, add_chain_slots, add_joined_slots, trace

Form = Literal["joined", "chain", "opaque"]
"""What is known of a block's code: F, S and their join; a way from input to output; nothing but its output."""

FORMS: tuple[Form, ...] = ("joined", "chain", "opaque")
"""From the form that takes the most attachments to that which every block has."""

SLOTS = ("entry", "inner", "residual", "shortcut", "output")


class SlottedBlock(nn.Module):
    """What an attachment needs of a block, beside the user's own class."""

    in_channels: int
    out_channels: int
    residual_channels: int
    inner_channels: int
    has_shortcut = False
    has_paper_gate = False
    code = ""
    """The text of the traced forward."""

    def put(self, slot: str, module: nn.Module) -> None:
        """Put a module, which keeps the shape of its input, into a slot."""
        layers = self.get_submodule(f"slot_{slot}")
        assert isinstance(layers, nn.Sequential)
        insert_layer(layers, module, after=None)


class JoinedBlock(SlottedBlock):
    """φ(join(F(x), S(x)))."""

    has_shortcut = True
    join: nn.Module


class OpaqueBlock(SlottedBlock):
    """F(x) by the user's own forward: its output alone can be gated."""

    slot_residual: nn.Sequential

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        y: Tensor = self.slot_residual(super().forward(x))
        return y


def give_slots(block: nn.Module, form: Form) -> bool:
    """Turn a block into one with empty slots, in place; False, and nothing done, where it has no such form."""
    kind = type(block)
    if form == "opaque":
        block.add_module("slot_residual", nn.Sequential().train(block.training))
        block.__class__ = type(f"Slotted{kind.__name__}", (OpaqueBlock, kind), {})
        return True
    graph = trace(block)
    if graph is None or (form == "joined" and hasattr(block, "join")):
        return False
    code = BlockGraph(block, graph)
    if form == "chain":
        add_chain_slots(code)
    elif not add_joined_slots(code):
        return False
    if form == "joined":
        block.add_module("join", Addition().train(block.training))
    for slot in SLOTS:
        if any(node.target == f"slot_{slot}" for node in graph.nodes):
            block.add_module(f"slot_{slot}", nn.Sequential().train(block.training))
    compiled = fx.GraphModule(block, graph)
    members = {"forward": type(compiled).forward, "code": compiled.code}
    base = {"joined": JoinedBlock, "chain": SlottedBlock}[form]
    block.__class__ = type(f"Slotted{kind.__name__}", (base, kind), members)
    return True


class Copied(nn.Module):
    """The identity with memory of its own, as after a gate that is one."""

    def forward(self, u: Tensor) -> Tensor:
        """Return a tensor of the shape of `u`."""
        return u.clone()


def widths_of(plain: nn.Module, form: Form, images: Tensor) -> dict[str, int] | None:
    """Return the attachments that a block takes in a form, and the widths of their gates, by running it.

    None where the block has no such form, or does with slots, in training or in inference, not what it did without.
    """
    block = copy.deepcopy(plain)
    if not give_slots(block, form):
        return None
    shapes: dict[str, list[torch.Size]] = {}
    hooks = [
        block.get_submodule(f"slot_{slot}").register_forward_hook(
            lambda _slot, _inputs, output, slot=slot: shapes.setdefault(slot, []).append(output.shape)
        )
        for slot in SLOTS
        if hasattr(block, f"slot_{slot}")
    ]
    expected = _outputs(plain, images)
    output = expected[0]
    if output is None or not _are_equal(_outputs(block, images, training=(False,)), expected[:1]):
        return None
    for hook in hooks:
        hook.remove()
    joined = form == "joined"
    maps = {slot: seen[0] for slot, seen in shapes.items() if len(seen) == 1 and len(seen[0]) == 4}
    joining = {maps.get(slot) for slot in ("residual", "shortcut") if joined or slot == "residual"}
    if len(joining) > 1 or any(shape is None or shape[1] != output.shape[1] for shape in joining):
        return None
    if not _are_equal(_outputs(block, images), expected):
        return None
    sound = set(maps)
    if not _are_equal(_outputs(_with_copies(block, maps), images), expected):
        sound = {slot for slot in maps if _are_equal(_outputs(_with_copies(block, [slot]), images), expected)}
    slots = {"serial": "residual", "parallel": "shortcut" if joined else "residual", "cross": "residual"}
    slots |= {"pre": "entry", "post": "output", "inner": "inner"}
    return {name: maps[slot][1] for name, slot in slots.items() if slot in sound and (joined or name != "cross")}


def _with_copies(block: nn.Module, slots: Iterable[str]) -> nn.Module:
    changed = copy.deepcopy(block)
    assert isinstance(changed, SlottedBlock)
    for slot in slots:
        changed.put(slot, Copied())
    return changed


def _outputs(block: nn.Module, images: Tensor, training: tuple[bool, ...] = (False, True)) -> list[Tensor | None]:
    """Return what a copy of a block makes of images, in inference and in training, for one random seed."""
    return [_output(copy.deepcopy(block), images, is_training=mode) for mode in training]


def _output(block: nn.Module, images: Tensor, *, is_training: bool) -> Tensor | None:
    block.train(is_training)
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
            output: Tensor = block(batch)
        except Exception:  # the user's own, who may not mean the block to train; then it must fail with slots too
            return None
        finally:
            random.setstate(state)
    return output


def _are_equal(some: list[Tensor | None], others: list[Tensor | None]) -> bool:
    """Whether tensors are equal to the bit, or not there on both sides."""
    pairs = list(zip(some, others, strict=True))
    if any((one is None) != (other is None) for one, other in pairs):
        return False
    tensors = [(one, other) for one, other in pairs if one is not None and other is not None]
    return all(torch.allclose(one, other, rtol=0, atol=0, equal_nan=True) for one, other in tensors)
