"""The course of a study: the hypervolume against trainings, learning curves, and trainings that were stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.report.page.points import rounded
from seplace.results.curves import curve_points

if TYPE_CHECKING:
    import pandas as pd

    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation

_CURVES = 240
"""The most learning curves; those of named placements come first."""


def hypervolumes_of(history: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of a study's history that the page draws; empty lists before any training is complete."""
    names = ("trainings", "hypervolume", "observed_hypervolume")
    return {name: [rounded(value) for value in history[name]] if len(history) else [] for name in names}


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Learning curves on the validation split."""

    rows: list[dict[str, Any]]
    """`placement`, `seed`, `group` (front, baseline or other), `stopped`, and columns by epoch."""
    trainings: int
    """All trainings with a curve, shown or not."""


def curves_of(trainings: Sequence[Evaluation], groups: Mapping[str, str]) -> Curves:
    """Return learning curves; `groups` names the group of the placements that are drawn first."""
    last: dict[tuple[str, int], Evaluation] = {}
    for row in trainings:
        key = (str(row.placement), row.seed)
        if curve_points(row) and (key not in last or last[key].epochs < row.epochs):
            last[key] = row
    named = [row for key, row in last.items() if key[0] in groups]
    rest = [row for key, row in last.items() if key[0] not in groups]
    room = max(_CURVES - len(named), 0)
    kept = [rest[at] for at in np.linspace(0, len(rest) - 1, min(room, len(rest))).astype(int)] if rest else []
    longest = max((row.epochs for row in last.values()), default=0)
    shown = [*kept, *named[:_CURVES]]
    return Curves(rows=[_curve(row, groups, longest=longest) for row in shown], trainings=len(last))


def _curve(row: Evaluation, groups: Mapping[str, str], *, longest: int) -> dict[str, Any]:
    points, names = curve_points(row), ("value", "cross_entropy", "train_loss")
    return {
        "placement": str(row.placement),
        "seed": row.seed,
        "group": groups.get(str(row.placement), "other"),
        "stopped": row.epochs < longest,
        "epoch": [point["epoch"] for point in points],
        **{name: [rounded(point.get(name)) for point in points] for name in names},
    }


def stopped_at(rung_rows: Sequence[Evaluation], rows: Sequence[Evaluation]) -> list[tuple[int, int, int]]:
    """Return (epochs, trainings that reached them, trainings that stopped there) for each rung."""
    ended = {(row.placement, row.seed) for row in rows}
    reached = Counter(row.epochs for row in rung_rows)
    last: dict[tuple[Placement, int], int] = {}
    for row in rung_rows:
        key = (row.placement, row.seed)
        last[key] = max(last.get(key, 0), row.epochs)
    stopped = Counter(epochs for key, epochs in last.items() if key not in ended)
    return [(epochs, reached[epochs], stopped[epochs]) for epochs in sorted(reached)]
