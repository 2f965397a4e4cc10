"""The declarations of a line of the evaluator shelf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from seplace.registry import Entry


@dataclass(frozen=True)
class EvaluatorEntry(Entry):
    """An evaluator, called as `make(config, folder, *, worker)`."""

    takes_folder: bool = False
    """Whether it answers from a folder of results, which a study names."""
    needs_folder: bool = False
    """Whether a study must name that folder."""

    @classmethod
    def of_import_path(cls, path: str) -> Self:
        """Return the entry of an evaluator that may be given a folder."""
        return cls(path, takes_folder=True)
