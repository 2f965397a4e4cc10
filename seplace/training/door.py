"""Lightning, for trainings of the user's own; importing it tells nothing of its own deprecations.

Lightning is published twice, as `pytorch_lightning` and as `lightning.pytorch`: the same code, but neither knows the
classes of the other. A training takes the package that its module derives from. seplace requires and imports the first;
the second is there where the user's own code has imported it, and is never imported by seplace.
"""

from __future__ import annotations

import logging
import re
import sys
import types
import warnings
from functools import cache
from typing import TypeVar

from seplace.errors import MissingPackage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pytorch_lightning as lightning

_PACKAGES = {"pytorch_lightning": "lightning_fabric", "lightning.pytorch": "lightning.fabric"}
"""The names of both packages, and those of the fabric of each."""
_OLDEST = (2, 6)
"""The oldest version that trains here, as in pyproject.toml."""

_Kind = TypeVar("_Kind")


def _quieten(package: str) -> None:
    """Let a package log errors alone: it gives advice in each of hundreds of trainings."""
    for name in (package, _PACKAGES[package]):
        logging.getLogger(name).setLevel(logging.ERROR)


_quieten(lightning.__name__)


def loaded_packages() -> tuple[types.ModuleType, ...]:
    """Return those of Lightning's packages that are imported."""
    return tuple(sys.modules[name] for name in _PACKAGES if name in sys.modules)


def package_of(part: object, role: str) -> types.ModuleType | None:
    """Return the package of the LightningModule, LightningDataModule or Callback (`role`) that an object is.

    None for any other object. Raises MissingPackage where the package is too old.
    """
    for package in loaded_packages():
        if isinstance(part, getattr(package, role)):
            prepare(package)
            return package
    return None


def versions_beside(package: types.ModuleType) -> dict[str, str]:
    """Return the version of a package by the name that pip knows, where it is not the one that seplace requires."""
    return {} if package is lightning else {"lightning": package.__version__}


def fitting(kind: type[_Kind], base: type) -> type[_Kind]:
    """Return a class of seplace's, or one derived from it that has the base of another package too."""
    if issubclass(kind, base):
        return kind
    derived: type[_Kind] = types.new_class(kind.__name__, (kind, base))
    return derived


@cache
def prepare(package: types.ModuleType) -> None:
    """Quieten a package, once; raises MissingPackage where it is too old."""
    version = re.match(r"(\d+)\.(\d+)", package.__version__)
    if version is not None and tuple(map(int, version.groups())) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise MissingPackage(
            f"{package.__name__} {package.__version__} is too old: a training needs {oldest} or later "
            f"(pip install 'lightning>={oldest}')"
        )
    _quieten(package.__name__)


__all__ = ["fitting", "lightning", "loaded_packages", "package_of", "prepare", "versions_beside"]
