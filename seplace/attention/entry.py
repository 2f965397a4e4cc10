"""The declarations of a line of the attention shelf."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from seplace.registry import Entry


@dataclass(frozen=True)
class AttentionEntry(Entry):
    """An attention module, called as `Gate(channels, *, ratio, min_hidden, init, **options)`."""

    takes_ratio: bool = False
    """Whether the module has a reduction ratio; without one it gets neither `ratio` nor `min_hidden`."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of each option, the default first; an empty tuple stands for a whole number without a default."""
    idle: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The options that mean nothing beside a value of another, such as `spatial=no`; canonical texts lack them."""
    attachments: tuple[str, ...] | None = None
    """The attachments that the module takes; None for all that place a gate."""
    is_additive: bool = False
    """Whether the module's output is added to the map; otherwise it scales the map."""
    has_signature: bool = False
    """Whether the arguments of the module are read from its signature, since nothing is declared."""

    @classmethod
    def of_import_path(cls, path: str) -> Self:
        """Return the entry of a gate whose arguments are read from its signature; it may take a ratio."""
        return cls(path, takes_ratio=True, has_signature=True)

    @classmethod
    def name_problem(cls, name: str) -> str | None:
        """Return why the text of a placement cannot hold a name, or None: `se2` means se with ratio 2."""
        if NAME.fullmatch(name):
            return None
        stem = name.rstrip("0123456789")
        if stem != name and NAME.fullmatch(stem):
            return f"a placement reads {name} as {stem} with ratio {name[len(stem) :]}; let the name end in a letter"
        return "a name is made of lower-case letters, digits and _, and begins and ends with a letter or _"


NAME = re.compile(r"[a-z_](?:[a-z0-9_]*[a-z_])?")
"""The names that the text of a placement can hold: a number at the end is the ratio."""
