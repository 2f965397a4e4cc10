"""The origin of a study's numbers: versions, devices, seeds and time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seplace.results.evaluation import Evaluation


def provenance_of(rows: Sequence[Evaluation], rung_rows: Sequence[Evaluation]) -> dict[str, Any]:
    """Return the origin of full trainings and of those at a rung, as plain JSON types."""
    trained = [*rows, *rung_rows]
    return {
        "versions": _distinct([dict(row.versions) for row in trained]),
        "devices": _distinct([row.device for row in trained]),
        "threads": _distinct([row.threads for row in trained]),
        "processors": os.cpu_count(),
        "seeds": sorted({row.seed for row in rows}),
        "trainings": len(rows),
        "training_seconds": round(sum(row.seconds for row in trained), 1),
    }


def _distinct(values: list[Any]) -> list[Any]:
    """Return the distinct values in order of appearance."""
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return distinct
