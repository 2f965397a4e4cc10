"""Tiny studies for tests: digits, a half-width ResNet-8, one epoch on a handful of images."""

from pathlib import Path
from typing import Any

from seplace.testing import studies
from seplace.testing.studies import SMALL_SPACE, STUDY, write_small_space

__all__ = ["SMALL_SPACE", "STUDY", "write_small_space", "write_study"]


def write_study(folder: Path, *, name: str = "tiny", **changes: Any) -> Path:
    """Write a study file and return its path; a change of a block is merged into it, None leaves the block out."""
    return studies.write_study(folder, changes, name=name)
