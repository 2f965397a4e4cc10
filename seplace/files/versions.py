"""The versions that a number depends on."""

from __future__ import annotations

import importlib.metadata
import platform

from seplace.version import __version__


def versions() -> dict[str, str]:
    """Return the versions that a number depends on."""
    packages = ("torch", "pytorch-lightning", "optuna", "fvcore", "numpy")
    return {"python": platform.python_version(), "seplace": __version__} | {
        name: importlib.metadata.version(name) for name in packages
    }
