"""A lazy table of names: what a shelf (attention, attachments, backbones, …) holds, imported on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seplace.errors import InputError, UnknownName


@dataclass(frozen=True)
class Member:
    """One line of a shelf: where the object is, and what must be known of it without importing it."""

    path: str
    """`module:object`."""
    takes_ratio: bool = False
    """Whether the member has a reduction ratio (attention modules only, as what follows)."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of each option, the default first; an empty tuple stands for a whole number, without a default."""
    attachments: tuple[str, ...] | None = None
    """The attachments that the module takes; None for all that place a gate."""
    is_additive: bool = False
    """Whether the module's output is added to the map instead of scaling it."""
    takes_gates: bool = True
    """Of an attachment: whether it places a gate, as all do but those of one module's own."""
    takes_folder: bool = False
    """Of an evaluator: whether it answers from a folder, which a study names."""


class Registry(Mapping[str, Any]):
    """Map names to objects, importing each on first use.

    A name that contains a colon is an import path, `package.module:object`, so that a user's own member needs no
    registration. A miss raises UnknownName with the known names and the nearest one.
    """

    def __init__(self, kind: str, members: Mapping[str, Member | str]) -> None:
        self.kind = kind
        self._members = {
            name: member if isinstance(member, Member) else Member(member) for name, member in members.items()
        }
        self._resolved: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members or (isinstance(name, str) and ":" in name)

    def member(self, name: str) -> Member:
        """Return the line of `name` without importing what it names."""
        if name in self._members:
            return self._members[name]
        if ":" in name:
            # Of a user's own module nothing is known before it is imported; what is given is passed on.
            return Member(name, takes_ratio=True, takes_folder=True)
        raise UnknownName(self.kind, name, self._members)

    def __getitem__(self, name: str) -> Any:
        if name not in self._resolved:
            self._resolved[name] = resolve(self.member(name).path, kind=self.kind)
        return self._resolved[name]


def is_import_path(name: str) -> bool:
    """Tell whether a name is that of a user's own object, `package.module:object`, and not of a shelf's."""
    return ":" in name


def import_from(folder: Path) -> None:
    """Let import paths name modules in a folder, such as the one of a study file; what is installed goes first."""
    text = str(folder.absolute())
    if text not in sys.path:
        sys.path.append(text)


def resolve(path: str, *, kind: str) -> Any:
    """Import `package.module:object` and return the object; InputError names `kind` and the part that is missing."""
    module_name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        raise InputError(f"{kind} {path!r}: an import path is package.module:object")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module is the user's, or a library that does not fit the others
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(f"{kind} {path!r}: no module named {error.name!r} can be imported") from error
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{kind} {path!r}: {module_name} cannot be imported ({reason})") from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise InputError(f"{kind} {path!r}: module {module_name!r} has no {attribute!r}") from error
