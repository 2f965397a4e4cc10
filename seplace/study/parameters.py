"""The parameters that a function or class of the user's own takes, and which options go to it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_NUMBERS = (bool, int, float, "bool", "int", "float")
"""Annotations of numbers, also as text."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The keyword parameters of a callable."""

    first: str | None
    """The name of the first one that is given by position; None without one."""
    first_is_number: bool
    """Whether that one is a number, by its default or its annotation."""
    names: tuple[str, ...]
    """Those that are given by name."""
    required: tuple[str, ...]
    """Those without a default."""
    takes_any: bool
    """Whether it takes further ones, `**kwargs`; also where its signature is not known."""
    takes_positions: bool
    """Whether any is taken by position; also where its signature is not known."""

    @classmethod
    def of(cls, called: Any, *, leading: int) -> Self:
        """Return the parameters of a callable without its first `leading` ones, which it gets by position."""
        try:
            every = list(inspect.signature(called).parameters.values())
        except (TypeError, ValueError):  # written in C
            return cls(first=None, first_is_number=False, names=(), required=(), takes_any=True, takes_positions=True)
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        given = [each for each in every if each.kind in by_position][:leading]
        positional = (*by_position, inspect.Parameter.VAR_POSITIONAL)
        named = [
            each
            for each in every
            if each not in given
            and each.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        ]
        return cls(
            first=given[0].name if given else None,
            first_is_number=bool(given) and _is_number(given[0]),
            names=tuple(each.name for each in named),
            required=tuple(each.name for each in named if each.default is inspect.Parameter.empty),
            takes_any=any(each.kind is inspect.Parameter.VAR_KEYWORD for each in every),
            takes_positions=any(each.kind in positional for each in every),
        )

    def takes(self, name: str) -> bool:
        """Return whether an option can be given by name."""
        return self.takes_any or name in self.names


def _is_number(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.default, int | float) or parameter.annotation in _NUMBERS


def routed(options: Mapping[str, Any], *takers: Parameters) -> tuple[dict[str, Any], ...]:
    """Return for each taker the options that go to it: those that it names, and those that nobody names to `**kwargs`.

    Lists are lists again, as a function of the user's own expects them.
    """
    named = {name for taker in takers for name in taker.names}
    return tuple(
        {
            name: _as_list(value)
            for name, value in options.items()
            if name in taker.names or (taker.takes_any and name not in named)
        }
        for taker in takers
    )


def _as_list(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_list(each) for key, each in value.items()}
    return [_as_list(each) for each in value] if isinstance(value, tuple) else value
