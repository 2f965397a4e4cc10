"""The versions of the software that results depend on."""

from __future__ import annotations

import importlib.metadata
import platform

from seplace.version import __version__


def versions(*further: str) -> dict[str, str]:
    """Return the versions of Python, seplace and the packages that results depend on and of `further` ones, by name."""
    packages = ("torch", "pytorch-lightning", "optuna", "fvcore", "numpy", *further)
    return {"python": platform.python_version(), "seplace": __version__} | {
        name: importlib.metadata.version(name) for name in packages
    }
