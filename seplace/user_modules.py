"""Import paths, `package.module:object`, and the finder for the user's modules that they name."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType
from typing import Any

from seplace.errors import InputError, MissingPackage, did_you_mean
from seplace.user_code import describe_error

_TORCHVISION = "torchvision::"
"""The beginning of the names of its operators, which torch does not find where the two do not fit."""


def is_import_path(name: str) -> bool:
    """Return whether a name is an import path, and so names an entry of the user's own."""
    return ":" in name


def resolve(path: str, *, kind: str) -> Any:
    """Import `package.module:object` and return the object; InputError names `kind` and the part that is missing.

    Raises MissingPackage where an installed torchvision that does not fit torch breaks the import, as it does those of
    Lightning and torchmetrics.
    """
    module_name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise InputError(f"{kind} {path!r}: an import path is package.module:object")
    USER_MODULES.named.add(module_name.partition(".")[0])
    USER_MODULES.resolved.add(module_name)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the module is the user's, or a library that does not fit the others
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(f"{kind} {path!r}: no module named {error.name!r} can be imported") from error
        message = f"{kind} {path!r}: {module_name} cannot be imported: {describe_error(error)}"
        if _TORCHVISION in str(error):
            raise MissingPackage(
                f"{message}: the installed torchvision does not fit torch; install the one that fits, "
                "or uninstall it where your code does not use it"
            ) from error
        raise InputError(message) from error
    try:
        return pkgutil.resolve_name(path)
    except AttributeError as error:
        guess = did_you_mean(attribute, [name for name in vars(module) if not name.startswith("_")])
        raise InputError(f"{kind} {path!r}: module {module_name!r} has no {attribute!r}{guess}") from error


class UserModules:
    """A finder for the user's modules, which lie in a folder such as that of a study file.

    Python asks it last, after installed packages. It answers for import paths, and for what the modules that it found
    import themselves. A path entry would answer everybody: a library that looks for an optional package, `import pytz`
    say, would run a file of that name in the folder.
    """

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.named: set[str] = set()
        """The top-level names of the import paths that were resolved."""
        self.resolved: set[str] = set()
        """The modules of these import paths, by their full names."""
        self.found: set[str] = set()

    def find_spec(
        self,
        name: str,
        path: object = None,
        target: object = None,  # noqa: ARG002 - the protocol's
    ) -> ModuleSpec | None:
        """Return where a top-level module of the user's lies, or None for any other module."""
        if path is not None or not (name in self.named or _importer().partition(".")[0] in self.found):
            return None  # a module inside a package is found by the package's own path
        spec = self.locate(name)
        if spec is not None:
            self.found.add(name)
        return spec

    def locate(self, name: str) -> ModuleSpec | None:
        """Return where a top-level module lies in the folders, whoever imports it; it is not imported."""
        return PathFinder.find_spec(name, self.folders)

    def invalidate_caches(self) -> None:
        """Do nothing: the caches are those of the path finder."""

    def to_record(self) -> dict[str, list[str]]:
        """Return what another process needs to find the same modules."""
        return {"folders": self.folders, "named": sorted(self.named | self.found)}


USER_MODULES = UserModules()


def _importer() -> str:
    """Return the name of the module that runs the import statement or the call of `import_module`."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "importlib":
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def import_from(folder: Path) -> None:
    """Let import paths name modules in a folder, such as that of a study file; installed packages come first."""
    text = str(folder.absolute())
    if text not in USER_MODULES.folders:
        USER_MODULES.folders.append(text)
    if USER_MODULES not in sys.meta_path:
        sys.meta_path.append(USER_MODULES)


def find_user_modules(record: Mapping[str, Sequence[str]]) -> None:
    """Find the user's modules of another process, from what `UserModules.to_record` returned there."""
    for folder in record["folders"]:
        import_from(Path(folder))
    USER_MODULES.named.update(record["named"])
