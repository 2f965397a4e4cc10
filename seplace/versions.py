"""The versions that a number depends on."""

from __future__ import annotations

import importlib.metadata
import platform


def versions() -> dict[str, str]:
    """Return the versions that a number depends on."""
    packages = ("seplace", "torch", "pytorch-lightning", "optuna", "fvcore", "numpy")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
