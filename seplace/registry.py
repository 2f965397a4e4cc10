"""A lazy table of names: what a shelf (attention, attachments, backbones, …) holds, imported on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType
from typing import Any

from seplace.errors import InputError, UnknownName, did_you_mean
from seplace.user_code import describe_error


@dataclass(frozen=True)
class Entry:
    """One line of a shelf: where the object is, and what must be known of it without importing it."""

    path: str
    """`module:object`."""
    takes_ratio: bool = False
    """Whether the entry has a reduction ratio (attention modules only, as what follows)."""
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

    A name that contains a colon is an import path, `package.module:object`, so that a user's own entry needs no
    registration. A miss raises UnknownName with the known names and the nearest one.
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry | str]) -> None:
        self.kind = kind
        self._entries = {name: entry if isinstance(entry, Entry) else Entry(entry) for name, entry in entries.items()}
        self._resolved: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or (isinstance(name, str) and ":" in name)

    def entry(self, name: str) -> Entry:
        """Return the line of `name` without importing what it names."""
        if name in self._entries:
            return self._entries[name]
        if ":" in name:
            # Of a user's own module nothing is known before it is imported; what is given is passed on.
            return Entry(name, takes_ratio=True, takes_folder=True)
        raise UnknownName(self.kind, name, self._entries)

    def __getitem__(self, name: str) -> Any:
        if name not in self._resolved:
            self._resolved[name] = resolve(self.entry(name).path, kind=self.kind)
        return self._resolved[name]


def is_import_path(name: str) -> bool:
    """Whether a name is an import path, `package.module:object`, and so that of a user's own entry."""
    return ":" in name


class OwnModules:
    """A finder for modules of the user's own, which lie in a folder such as the one of a study file.

    It is asked last, after what is installed, and answers for import paths and for what the modules that it has found
    import themselves. A path entry would answer everybody: a library that looks for an optional package, `import pytz`
    say, would run a file of that name that lies in the folder, or in the current one.
    """

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.named: set[str] = set()
        """The first parts of the import paths that were asked for."""
        self.found: set[str] = set()

    def find_spec(
        self,
        name: str,
        path: object = None,
        target: object = None,  # noqa: ARG002 - the protocol's
    ) -> ModuleSpec | None:
        """Return where a top-level module lies; None for what is none of the user's own."""
        if path is not None or not (name in self.named or _importer().partition(".")[0] in self.found):
            return None  # what is inside a package is found by the package's own path
        spec = self.locate(name)
        if spec is not None:
            self.found.add(name)
        return spec

    def locate(self, name: str) -> ModuleSpec | None:
        """Return where a top-level module lies in the folders, whoever asks; it is not imported."""
        return PathFinder.find_spec(name, self.folders)

    def invalidate_caches(self) -> None:
        """Do nothing: the caches are those of the path finder."""

    def to_record(self) -> dict[str, list[str]]:
        """Return what another process needs to find the same modules."""
        return {"folders": self.folders, "named": sorted(self.named | self.found)}


OWN_MODULES = OwnModules()


def _importer() -> str:
    """Return the name of the module whose import statement, or call of `import_module`, is being answered."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "importlib":
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def import_from(folder: Path) -> None:
    """Let import paths name modules in a folder, such as the one of a study file; what is installed goes first."""
    text = str(folder.absolute())
    if text not in OWN_MODULES.folders:
        OWN_MODULES.folders.append(text)
    if OWN_MODULES not in sys.meta_path:
        sys.meta_path.append(OWN_MODULES)


def find_own_modules(record: Mapping[str, Sequence[str]]) -> None:
    """Find the modules that are the user's own in another process, by what `OwnModules.to_record` gave there."""
    for folder in record["folders"]:
        import_from(Path(folder))
    OWN_MODULES.named.update(record["named"])


def resolve(path: str, *, kind: str) -> Any:
    """Import `package.module:object` and return the object; InputError names `kind` and the part that is missing."""
    module_name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        raise InputError(f"{kind} {path!r}: an import path is package.module:object")
    OWN_MODULES.named.add(module_name.partition(".")[0])
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the module is the user's, or a library that does not fit the others
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(f"{kind} {path!r}: no module named {error.name!r} can be imported") from error
        raise InputError(f"{kind} {path!r}: {module_name} cannot be imported: {describe_error(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        guess = did_you_mean(attribute, [name for name in vars(module) if not name.startswith("_")])
        raise InputError(f"{kind} {path!r}: module {module_name!r} has no {attribute!r}{guess}") from error
