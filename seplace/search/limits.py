"""Limits on counted costs: the placements of a space that keep them all, and whether there are any."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.costs import cost_named
from seplace.errors import InputError
from seplace.placement import StageChoice

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.costs.table import CostTable
    from seplace.samplers.task import Task

Integers = NDArray[np.int64]

_MOST_ENUMERATED = 2_000_000
_DRAWN = 20_000
_MOST_SUMS = 5_000
"""The most non-dominated sums of costs that are followed to find whether a placement keeps the limits."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The placements of a space that keep every limit."""

    share: float
    """Share of the space, from 0 to 1; an estimate if the space is too large to be enumerated."""
    is_exact: bool
    spans: Mapping[str, tuple[int, int]]
    """The least and greatest of each counted cost among the placements examined; empty if none keeps the limits."""


def kept_of(task: Task) -> Kept | None:
    """Return the placements that keep the counted limits of a task; None without limits."""
    space, table, limits = task.space, task.cost_table, task.counted_limits
    if not limits:
        return None
    if is_exact := len(space) <= _MOST_ENUMERATED:
        costs = {name: table.all_costs(space.choices, name) for name in table.names}
    else:
        drawn = random.Random(0).choices(range(len(space)), k=_DRAWN)
        counted = [table.costs_of(space.placement_at(index)) for index in drawn]
        costs = {name: np.array([each[name] for each in counted]) for name in table.names}
    keeps = np.all([costs[name] <= limit for name, limit in limits.items()], axis=0)
    spans = {
        name: (int(values[keeps].min()), int(values[keeps].max())) for name, values in costs.items() if keeps.any()
    }
    return Kept(share=float(keeps.mean()), is_exact=is_exact, spans=spans)


def check_limits(task: Task, *, path: Path) -> None:
    """Raise InputError, naming the study file, if no placement of the space keeps a limit, or all limits together."""
    space, table, limits = task.space, task.cost_table, task.counted_limits
    for name, limit in limits.items():
        cheapest, dearest = table.span(space.choices, name)
        if limit < cheapest:
            raise InputError(
                f"{path}: objective.limits.{name}: no placement of {space.name} is so cheap (got {limit:,.0f}; "
                f"the space spans {cheapest:,} to {dearest:,} {cost_named(name).unit})"
            )
    tables = [table, *table.variants.values()]
    if len(limits) > 1 and not any(_can_be_kept(each, space.choices, limits) for each in tables):
        listed = ", ".join(f"{name} {limit:,.0f}" for name, limit in limits.items())
        raise InputError(
            f"{path}: objective.limits: no placement of {space.name} keeps all of them together ({listed}), "
            "though some keep each"
        )


def _can_be_kept(table: CostTable, choices: Sequence[Sequence[StageChoice]], limits: Mapping[str, float]) -> bool:
    """Return whether a placement on one backbone keeps all limits; True if there are too many sums to find out.

    Unit after unit, only the non-dominated sums of costs are kept.
    """
    columns = [table.names.index(name) for name in limits]
    added = [
        np.unique([[extras[choice][column] for column in columns] for choice in unit], axis=0)
        for extras, unit in zip(table.extras, choices, strict=True)
    ]
    least = np.sum([each.min(axis=0) for each in added], axis=0)
    room = np.array(list(limits.values())) - np.array([table.plain[column] for column in columns])
    sums = np.zeros((1, len(columns)), dtype=np.int64)
    for each in added:
        least = least - each.min(axis=0)
        sums = np.unique((sums[:, None] + each).reshape(-1, len(columns)), axis=0)
        sums = _undominated(sums[(sums + least <= room).all(axis=1)])
        if len(sums) > _MOST_SUMS:
            return True
    return len(sums) > 0


def _undominated(sums: Integers) -> Integers:
    """Return sorted rows of two costs without the dominated ones; rows of other costs unchanged."""
    if sums.shape[1] != 2 or not len(sums):
        return sums
    best = np.minimum.accumulate(sums[:, 1])
    return np.asarray(sums[np.concatenate([[True], sums[1:, 1] < best[:-1]])])
