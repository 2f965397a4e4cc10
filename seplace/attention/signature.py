"""The arguments of a gate of the user's own, read from its signature.

The line of a gate on the shelf declares them. A user's gate is named by an import path and may take any of `ratio`,
`min_hidden` and `init` beside its channels.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import Parameter
from typing import Any

from seplace.attention import ATTENTION
from seplace.errors import UserCodeError

CHANNELS = "channels"
OFFERED = (CHANNELS, "ratio", "min_hidden", "init")
"""The arguments that a gate can have; a call passes those that its signature takes."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_SIZES, _SHORT = ("channel", "planes", "features", "width", "dim"), ("c", "ch", "n", "nc")
_TRIED = {CHANNELS: 64, "ratio": 4, "min_hidden": 1, "init": "identity"}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How a gate is called."""

    parameters: tuple[Parameter, ...]
    """The named parameters in their order, without those that a functools.partial sets."""
    channels: Parameter | None
    """The parameter of the channels; None where `*args` takes them, or nothing does."""
    takes_any_position: bool
    caught: frozenset[str]
    """The offered arguments that `**kwargs` takes."""
    takes_ratio: bool
    needs_ratio: bool
    missing: tuple[str, ...]
    """Required parameters that are not offered."""

    @property
    def problem(self) -> str | None:
        """The reason why seplace cannot call the gate, or None."""
        if self.missing:
            return f"needs {' and '.join(self.missing)}, which seplace does not give: a gate takes {_OFFER}"
        first = next((each for each in self.parameters if each.kind in _POSITIONAL and each.name not in OFFERED), None)
        if self.channels is None and not self.takes_any_position and first is not None:
            return f"has no parameter {CHANNELS} (its first, {first.name}, has a default): a gate takes {_OFFER}"
        return None

    def call(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments of a call: those of `values`, by name, that the gate takes."""
        given = {each.name: values[name] for each in self.parameters if (name := self._offer(each)) in values}
        positional: list[Any] = []
        last = max(
            (at for at, each in enumerate(self.parameters) if each.name in given and self._has_place(each)), default=-1
        )
        for each in self.parameters[: last + 1]:
            positional.append(given.pop(each.name, each.default))
        if self.channels is None and self.takes_any_position:
            positional.insert(0, values[CHANNELS])
        caught = {name: values[name] for name in OFFERED if name in self.caught and name in values}
        # In the order in which they are offered.
        order = {each.name: OFFERED.index(self._offer(each)) for each in self.parameters if each.name in given}
        return tuple(positional), {name: given[name] for name in sorted(given, key=lambda name: order[name])} | caught

    def _offer(self, parameter: Parameter) -> str:
        """Return the name in OFFERED of the argument that a parameter gets, or its own name without one."""
        return CHANNELS if parameter is self.channels else parameter.name

    def _has_place(self, parameter: Parameter) -> bool:
        is_first = parameter is self.channels and parameter.kind in _POSITIONAL
        return is_first or parameter.kind is Parameter.POSITIONAL_ONLY


_OFFER = "its channels, and ratio, min_hidden and init where it has parameters of these names"


@functools.cache
def signature_of(name: str) -> Signature:
    """Read the signature of a gate of the user's own, by its import path.

    The arguments behind a `**kwargs` are found by calls. Raises InputError where the path cannot be imported, and
    UserCodeError for anything but a class or function.
    """
    make = ATTENTION[name]
    if not callable(make) or (hasattr(make, "forward") and not isinstance(make, type)):
        raise UserCodeError(f"{name} is a {type(make).__name__}, not a class or function that builds a gate")
    parameters = _parameters_of(make)
    named = [each for each in parameters if each.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    takes_any_name = any(each.kind is Parameter.VAR_KEYWORD for each in parameters)
    channels = _channels_of(named)
    required = [each.name for each in named if each.default is Parameter.empty and each is not channels]
    read = Signature(
        parameters=tuple(named),
        channels=channels,
        takes_any_position=any(each.kind is Parameter.VAR_POSITIONAL for each in parameters),
        caught=frozenset(),
        takes_ratio=any(each.name == "ratio" for each in named),
        needs_ratio="ratio" in required,
        missing=tuple(each for each in required if each not in OFFERED),
    )
    return _with_caught(make, read) if takes_any_name and read.problem is None else read


def _parameters_of(make: Callable[..., Any]) -> list[Parameter]:
    preset = make.keywords if isinstance(make, functools.partial) else {}
    if isinstance(make, type) and make.__init__.__module__ == "torch.nn.modules.module":  # type: ignore[misc]
        return []  # no constructor of its own
    try:
        parameters = list(inspect.signature(make).parameters.values())
    except (TypeError, ValueError):  # some classes in C have no signature
        return [Parameter("arguments", Parameter.VAR_POSITIONAL), Parameter("options", Parameter.VAR_KEYWORD)]
    return [each for each in parameters if each.name not in preset]


def _channels_of(parameters: list[Parameter]) -> Parameter | None:
    """Return the parameter `channels`, or the first one if it is required or has the name of a size."""
    for each in parameters:
        if each.name == CHANNELS:
            return each
    for each in parameters:
        if each.kind in _POSITIONAL and each.name not in OFFERED:
            is_size = each.name.lower() in _SHORT or any(size in each.name.lower() for size in _SIZES)
            return each if each.default is Parameter.empty or is_size else None
    return None


def _with_caught(make: Callable[..., Any], read: Signature) -> Signature:
    """Find by calls which offered arguments go through a `**kwargs`: as many as possible, the ratio preferred."""
    import torch

    has_channels = read.channels is not None or read.takes_any_position
    names = {each.name for each in read.parameters} | ({CHANNELS} if has_channels else set())
    open_names = [name for name in OFFERED if name not in names]
    subsets = sorted(
        ([name for at, name in enumerate(open_names) if mask >> at & 1] for mask in range(2 ** len(open_names))),
        key=lambda subset: (len(subset), "ratio" in subset),
        reverse=True,
    )

    def is_taken(subset: list[str]) -> bool:
        arguments, keywords = replace(read, caught=frozenset(subset)).call(_TRIED)
        try:
            with torch.random.fork_rng(devices=[]):
                make(*arguments, **keywords)
        except TypeError:
            return False
        except (Exception, SystemExit):  # the user's code took the arguments, and refused their values
            return True
        return True

    # Where no call passes, all are given: the error of building the gate says more.
    taken = next((subset for subset in subsets if is_taken(subset)), open_names)
    has_ratio = "ratio" in taken
    needs_ratio = has_ratio and not is_taken([name for name in taken if name != "ratio"])
    return replace(
        read,
        caught=frozenset(taken),
        takes_ratio=read.takes_ratio or has_ratio,
        needs_ratio=read.needs_ratio or needs_ratio,
    )
