"""Blocks of a foreign network that take gates: the user's own modules, each with a derived class.

A block stays the same object, with its layers, tensors, attributes, hooks and state keys. Its derived class has a
forward that runs the slots. Only the modules of the slots are added to the block, under unused names; the recipe of the
class holds everything else.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, Self

from torch import Tensor, nn

from seplace.backbones.foreign.recast import bare, recast, recipe_of
from seplace.backbones.foreign.tracing import BlockGraph, add_chain_slots, add_joined_slots, trace
from seplace.backbones.networks.block import Addition, AdditionToResidual, insert_layer

SlotForm = Literal["joined", "chain", "opaque", "shielded"]
"""The known part of a block's code: F, S and their join (`joined`), a path from input to output (`chain`) or only its
output (`opaque`). A `shielded` block is opaque, and must not see seplace's modules, since it inspects its own."""

FORMS: tuple[SlotForm, ...] = ("joined", "chain", "opaque", "shielded")
"""From the form with the most attachments to the form of every block."""

_NAMES = {slot: f"slot_{slot}" for slot in ("entry", "inner", "residual", "shortcut", "output")} | {"join": "join"}
"""The names of the modules of slots in a block that does not use these names."""

_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The channels of the maps that gates see."""

    entering: int
    leaving: int
    inner: int
    """0 where the inside of the block is not known."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Slots:
    """The recipe of the derived class of a block with slots."""

    form: SlotForm
    names: Mapping[str, str]
    """The names of seplace's modules, by slot."""
    channels: Channels | None
    """None for a block that is only examined."""
    source: str = ""
    """The traced forward with its slots, as the source of a function; empty where the user's own forward runs."""
    constants: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The values of names in the source."""
    imports: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The paths of modules that other names in the source mean."""
    adds_to_residual: bool = False
    """Whether the block computes F + S: the sum has the memory layout of its first term."""
    has_own_forward: bool = False
    """Whether the block has a forward as an attribute of its own."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_traced"}

    def modules(self) -> tuple[str, ...]:
        """Return the names of seplace's modules in the block."""
        return tuple(self.names.values())

    def attributes(self, kind: type[nn.Module]) -> dict[str, Any]:
        """Return the forward of the derived class."""
        if self.source:
            return {"forward": self._traced}
        forward = _gating_output(self, kind)
        return {"forward": _ahead_of_own(forward) if self.has_own_forward else forward}

    @functools.cached_property
    def _traced(self) -> Any:
        """The function that the source defines; `linecache` has its lines for tracebacks."""
        name = f"<traced by seplace {next(_numbers)}>"
        linecache.cache[name] = (len(self.source), None, self.source.splitlines(keepends=True), name)
        given = {**self.constants, **{key: importlib.import_module(path) for key, path in self.imports.items()}}
        exec(compile(self.source, name, "exec"), given)
        return given["forward"]


def _gating_output(slots: Slots, kind: type[nn.Module]) -> Callable[[nn.Module, Tensor], Tensor]:
    name = slots.names["residual"]

    def own(self: nn.Module, x: Tensor) -> Tensor:
        y: Tensor = vars(self)["forward"](x) if slots.has_own_forward else kind.forward(self, x)
        return y

    def opaque(self: nn.Module, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        y: Tensor = self._modules[name](own(self, x))  # type: ignore[misc]  # never None
        return y

    def shielded(self: nn.Module, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        with bare(self, slots) as ours:
            u = own(self, x)
        y: Tensor = ours[name](u)  # type: ignore[misc]  # never None
        return y

    return shielded if slots.form == "shielded" else opaque


def _ahead_of_own(forward: Callable[[nn.Module, Tensor], Tensor]) -> property:
    """Return a forward that takes precedence over the forward that is an attribute of a module."""
    return property(
        lambda self: functools.partial(forward, self),
        lambda self, own: vars(self).__setitem__("forward", own),
        lambda self: vars(self).__delitem__("forward"),
    )


class SlottedBlock:
    """The interface of a user's block for attachments."""

    has_native_gate = False

    def __init__(self, block: nn.Module, slots: Slots) -> None:
        """Wrap a block that has slots."""
        channels = slots.channels or Channels(entering=0, leaving=0, inner=0)
        self.block = block
        self.slots = slots
        self.in_channels = channels.entering
        self.out_channels = self.residual_channels = channels.leaving
        self.inner_channels = channels.inner
        self.has_shortcut = slots.form == "joined"

    def put(self, slot: str, module: nn.Module) -> None:
        """Put a module that keeps the shape of its input into a slot."""
        insert_layer(self.layers(slot), module, after=None)

    def layers(self, slot: str) -> nn.Sequential:
        """Return the modules in a slot."""
        layers = self.block._modules[self.slots.names[slot]]
        assert isinstance(layers, nn.Sequential)
        return layers

    def replace_inner(self, make: Callable[[nn.Sequential], nn.Module]) -> None:
        """Raise NotImplementedError: no block of a foreign network takes `kernel`."""
        raise NotImplementedError(f"{make} in {type(self.block).__name__}")

    @property
    def join(self) -> nn.Module:
        """The join of F(x) and S(x)."""
        join = self.block._modules[self.slots.names["join"]]
        assert join is not None
        return join

    @join.setter
    def join(self, join: nn.Module) -> None:
        self.block._modules[self.slots.names["join"]] = join


def slots_of(module: nn.Module) -> Slots | None:
    """Return the slots of a user's block; None for any other module."""
    return recipe_of(module, Slots)


def slotted(module: nn.Module) -> SlottedBlock | None:
    """Return the interface of a user's block with slots; None for any other module."""
    slots = slots_of(module)
    return None if slots is None else SlottedBlock(module, slots)


def give_slots(block: nn.Module, form: SlotForm, channels: Channels | None) -> bool:
    """Give a block empty slots, in place. Return False, without a change, where it does not have the form."""
    slots = _slots_for(block, form, channels)
    if slots is None:
        return False
    for slot, name in slots.names.items():
        module = nn.Sequential() if slot != "join" else AdditionToResidual() if slots.adds_to_residual else Addition()
        # A user's container may have an add_module of its own.
        block._modules[name] = module.train(block.training)
    recast(block, slots)
    return True


def _slots_for(block: nn.Module, form: SlotForm, channels: Channels | None) -> Slots | None:
    names = {slot: _free_name(block, name) for slot, name in _NAMES.items()}
    if form in ("opaque", "shielded"):
        return Slots(
            form=form,
            names={"residual": names["residual"]},
            channels=channels,
            has_own_forward="forward" in vars(block),
        )
    graph = trace(block)
    if graph is None:
        return None
    code = BlockGraph(block, graph)
    position = None
    if form == "chain":
        add_chain_slots(code, names)
    elif (position := add_joined_slots(code, names)) is None:
        return None
    called = {node.target for node in graph.nodes if node.op == "call_module"}
    text = graph.python_code("self")
    imports = {name: each.__name__ for name, each in text.globals.items() if isinstance(each, ModuleType)}
    return Slots(
        form=form,
        names={slot: name for slot, name in names.items() if name in called},
        channels=channels,
        source=text.src,
        adds_to_residual=position == 0,
        constants={name: each for name, each in text.globals.items() if name not in imports},
        imports=imports,
    )


def _free_name(block: nn.Module, name: str) -> str:
    """Return a name, lengthened until a block does not use it."""
    nothing = object()
    taken = {*block._modules, *block._parameters, *block._buffers, *vars(block)}
    while name in taken or inspect.getattr_static(type(block), name, nothing) is not nothing:
        name += "_"
    return name
