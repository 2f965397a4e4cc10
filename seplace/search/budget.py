"""The budgets of a study whose results folder is there already: they may change, but not without a word."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.files.yaml_reader import read_document

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig


def warn_of_a_smaller_budget(config: StudyConfig, folder: Path) -> None:
    """Warn of budgets that are smaller than in the study's copy in `folder`, and say what a smaller one does."""
    document, _ = read_document(folder / "study.yaml")
    if document is None:
        return
    before = _budgets(document.values)
    now = _budgets(config.file.model_dump())
    if any(now.get(name, 0) < amount for name, amount in before.items()):
        warnings.warn(
            f"the budget was {_text(before)} and is now {_text(now)}: trainings that are done are kept and count, "
            "also those beyond it, and once it is spent none is added",
            stacklevel=2,
        )


def _text(budgets: dict[str, float]) -> str:
    return ", ".join(f"{name} {amount:,}" for name, amount in budgets.items())


_BLOCKS = ("search", "confirm")


def _budgets(values: dict[str, Any]) -> dict[str, float]:
    """Return the budgets of a study by their dotted keys."""
    found = {}
    for block in _BLOCKS:
        for key in ("trainings", "hours"):
            value = (values.get(block) or {}).get(key)
            if isinstance(value, int | float):
                found[f"{block}.{key}"] = value
    return found
