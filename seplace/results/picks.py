"""Picking a front point: the best, the cheapest, the knee, or a placement by its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seplace.errors import InputError, InvalidPlacement, did_you_mean, nearest
from seplace.pareto import knee
from seplace.placement import Placement
from seplace.results.observations import is_candidate

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric
    from seplace.space import SearchSpace

PICKS = ("best", "knee", "cheapest")
"""Points of a front by name."""


def check_pick(choice: str) -> None:
    """Raise InputError for a pick that is neither one of PICKS nor the text of a placement."""
    if choice in PICKS:
        return
    try:
        Placement.parse(choice)
    except InvalidPlacement as error:
        if nearest(choice, PICKS) is None:
            raise
        guess = did_you_mean(choice, PICKS)
        raise InputError(f"unknown pick {choice!r}{guess} (known: {', '.join(PICKS)}, or a placement)") from error


def pick_placement(
    choice: str,
    placements: pd.DataFrame,
    space: SearchSpace,
    metric: Metric,
    *,
    cost: str,
    flops_under: float | None,
    folder: Path,
) -> Placement:
    """Return the placement of a pick: of a point of the front (PICKS), or of a text.

    `flops_under` leaves out front points with more FLOPs. Raises InputError if none is left, or for an unknown pick.
    """
    check_pick(choice)
    if choice not in PICKS:
        return Placement.parse(choice)
    points = front_of_candidates(placements, space, metric, cost=cost)
    if flops_under is not None and "flops" in points:
        points = points[points["flops"] <= flops_under]
    if not len(points):
        limit = "" if flops_under is None else f" under {flops_under:,.0f} FLOPs"
        raise InputError(f"{folder}: no placement on the front{limit}")
    positions: dict[str, int] = {
        "best": int(metric.scores(points[metric.column].to_numpy()).argmax()),
        "cheapest": 0,
        "knee": knee_of(points, metric, cost),
    }
    return Placement.parse(points["placement"].iloc[positions[choice]])


def trainable_placement(
    choice: str,
    *,
    space: SearchSpace,
    baselines: Mapping[str, Placement],
    pick: Callable[[str], Placement],
) -> Placement:
    """Return the placement of a text, of the name of a baseline (such as plain), or of a front point (PICKS).

    `pick` returns that of a front point. Raises InputError, or InvalidPlacement for a placement that is neither in the
    space nor a baseline.
    """
    if choice in baselines:
        return baselines[choice]
    if choice in PICKS:
        return pick(choice)
    try:
        placement = Placement.parse(choice)
    except InvalidPlacement as error:
        names = [*PICKS, *baselines]
        if nearest(choice, names) is None:
            raise
        raise InputError(
            f"unknown placement {choice!r}{did_you_mean(choice, names)} (known: {', '.join(names)}, or a placement)"
        ) from error
    if placement not in baselines.values():
        space.check_candidate(placement)
    return placement


def front_of_candidates(placements: pd.DataFrame, space: SearchSpace, metric: Metric, *, cost: str) -> pd.DataFrame:
    """Return the rows from which a front point is picked: the front and the plain backbone, cheapest first."""
    if placements.empty:
        return placements
    listed = [is_candidate(Placement.parse(text), space) for text in placements["placement"]]
    name, is_ascending = metric.column, [True, not metric.is_maximized]
    ordered = placements[listed].sort_values([cost, name], ascending=is_ascending, kind="stable")
    scores = metric.sign * ordered[name]
    return ordered[scores > scores.cummax().shift(fill_value=-np.inf)]


def knee_of(candidates: pd.DataFrame, metric: Metric, cost: str) -> int:
    """Return the position of the knee of a front, one row a point."""
    losses = metric.losses(candidates[metric.column].to_numpy())
    return knee(np.stack([losses, candidates[cost].to_numpy(dtype=float)], axis=1))
