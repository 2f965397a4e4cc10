"""Lazy tables of names: the entries of a shelf (attention, attachments, backbones, …), imported on first use.

A shelf has entries from three places: its own table, import paths such as `my_module:Gate`, and packages that declare
an entry point in the group of the shelf, such as `seplace.attention`. Only the first are seplace's; errors in the
others are reported as the user's.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from seplace.errors import InputError, UnknownName, check_type
from seplace.user_modules import is_import_path, resolve

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True)
class Entry:
    """One line of a shelf: where the object is, and what must be known before it is imported.

    A shelf whose entries have more fields has a subclass in a file `entry.py`.
    """

    path: str
    """`module:object`."""

    def __post_init__(self) -> None:
        check_type("the path of an entry", self.path, str, said="a text, module:object")

    @classmethod
    def of_import_path(cls, path: str) -> Self:
        """Return the entry of an object about which nothing is declared."""
        return cls(path)

    @classmethod
    def name_problem(cls, name: str) -> str | None:
        """Return why an entry cannot have a name, or None."""
        return None if re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII) else "a name is made of letters, digits and _"


AnyEntry = TypeVar("AnyEntry", bound=Entry)


class Registry(Mapping[str, Any], Generic[AnyEntry]):
    """Map names to objects, importing each on first use.

    A name that contains a colon is an import path, `package.module:object`. A name that the table does not hold is
    looked up among the entry points of `group`; installed packages are read then, and not before. A miss raises
    UnknownName with the known names and the nearest one.
    """

    def __init__(
        self, kind: str, entry_type: type[AnyEntry], *, group: str, entries: Mapping[str, AnyEntry | str]
    ) -> None:
        self.kind = kind
        self.group = group
        self._entry_type = entry_type
        self._entries = {
            name: entry_type(entry) if isinstance(entry, str) else entry for name, entry in entries.items()
        }
        for name in entries:
            if problem := entry_type.name_problem(name):
                raise InputError(f"{kind} {name!r} cannot be registered: {problem}")
        self._loaded: dict[str, AnyEntry] = {}
        self._resolved: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter((*self._entries, *self._declared))

    def __len__(self) -> int:
        return len(self._entries) + len(self._declared)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or (isinstance(name, str) and (is_import_path(name) or name in self._declared))

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of seplace's own entries, whatever packages are installed."""
        return tuple(self._entries)

    def is_external(self, name: str) -> bool:
        """Return whether a name is not seplace's own, so that errors of its code are the user's."""
        return name not in self._entries

    def entry(self, name: str) -> AnyEntry:
        """Return what is declared of `name`; an object of seplace or of an import path is not imported for it.

        Raises InputError where an entry point cannot be loaded.
        """
        if name in self._entries:
            return self._entries[name]
        if is_import_path(name):
            return self._entry_type.of_import_path(name)
        if name in self._declared:
            if name not in self._loaded:
                self._loaded[name] = self._load(self._declared[name])
            return self._loaded[name]
        raise UnknownName(self.kind, name, self)

    def __getitem__(self, name: str) -> Any:
        if name not in self._resolved:
            self._resolved[name] = resolve(self.entry(name).path, kind=self._kind_of(name))
        return self._resolved[name]

    @functools.cached_property
    def _declared(self) -> dict[str, EntryPoint]:
        """The entry points of the group by name, without those that cannot be used, which are warned of."""
        found: dict[str, EntryPoint] = {}
        problems: dict[str, str] = {}
        for point in _entry_points(self.group):
            if point.name in self._entries:
                problems[point.name] = "seplace has one of that name, which is used"
            elif problem := self._entry_type.name_problem(point.name):
                problems[point.name] = problem
            elif point.name in found:
                problems[point.name] = f"{_package_of(found[point.name])} declares it too, and neither is used"
            found[point.name] = point
        for name, problem in problems.items():
            point = found.pop(name)
            # Found on first use, from whichever module: the place of the call says nothing.
            warnings.warn(f"{self.kind} {name!r}, which {_package_of(point)} declares: {problem}", stacklevel=2)
        return found

    def _load(self, point: EntryPoint) -> AnyEntry:
        """Return the Entry that an entry point names, or the entry of the object that it names."""
        kind = self._kind_of(point.name)
        path = "".join(point.value.partition("[")[0].split())
        named = resolve(path, kind=kind)
        if isinstance(named, self._entry_type):
            return named
        if isinstance(named, Entry):
            raise InputError(f"{kind} {path!r}: names a {type(named).__name__}, wanted: a {self._entry_type.__name__}")
        return self._entry_type.of_import_path(path)

    def _kind_of(self, name: str) -> str:
        """Return the words for an entry in an error, which ends with an import path."""
        if name in self._entries or is_import_path(name):
            return self.kind
        return f"{self.kind} {name}, which {_package_of(self._declared[name])} declares as"


def _entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group in all packages that can be imported."""
    metadata = import_module("importlib.metadata")  # slow: only where a name is not seplace's own
    try:
        return list(metadata.entry_points(group=group))
    except (ValueError, OSError) as error:  # one unreadable entry_points.txt must not take seplace's own names away
        warnings.warn(f"the entry points of installed packages cannot be read: {error}", stacklevel=2)
        return []


def _package_of(point: EntryPoint) -> str:
    return "a package" if point.dist is None else f"the package {point.dist.name}"
