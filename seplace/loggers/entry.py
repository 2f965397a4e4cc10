"""The declarations of a line of the logger shelf."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from seplace.errors import MissingPackage
from seplace.registry import Entry


@dataclass(frozen=True)
class LoggerEntry(Entry):
    """A logger, called as `make(*, folder, study, placement, seed)`."""

    needs: tuple[str, ...] = ()
    """Packages: one of them must be installed."""
    install: str = ""
    """What pip installs for it."""

    def refuse_missing(self, name: str) -> None:
        """Raise MissingPackage, which says what to install, where none of the packages is there."""
        if self.needs and not any(find_spec(package) for package in self.needs):
            raise MissingPackage(f"logger {name} needs the package {self.needs[0]}: pip install {self.install}")
