"""The history of a study: the quality of its front after each training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seplace.metric import Metric
from seplace.pareto import hypervolume, reference_cost
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.summaries import front_hypervolume, summarize

if TYPE_CHECKING:
    import pandas as pd

_STEPS = 200
"""The most numbers of trainings at which a long study is looked at."""


def history_frame(
    evaluations: Sequence[Evaluation], *, cost: str, metric: Metric, means: Mapping[Placement, float]
) -> pd.DataFrame:
    """Return the hypervolume of the front after each training, for complete evaluations in the order of their commits.

    trainings: the number of complete trainings until then, from 1
    placement, seed: the last training
    hypervolume: the metric of the front, averaged over the range of the cost, by the final estimates `means` (scores)
        of the placements that were trained until then; NaN while none of them has one
    observed_hypervolume: the same by the means that were observed until then, which may be too good to be true
    Of a long study 200 rows.
    """
    import pandas as pd

    rows = [row for row in evaluations if row.value is not None]
    if not rows:
        return pd.DataFrame()
    known = [row.costs[cost] for row in rows]
    cheapest, dearest = min(known), max(known)
    width = (reference_cost(cheapest, dearest) - cheapest) or 1.0
    counts = np.unique(np.linspace(1, len(rows), min(len(rows), _STEPS)).round().astype(int))
    table = []
    observed = [metric.score(row.value) for row in rows if row.value is not None]
    worst = metric.worst_score if metric.worst_score is not None else min([*observed, *means.values()])
    losses: list[tuple[float, float]] = []
    seen: set[Placement] = set()
    before = 0
    for count in counts.tolist():
        for row in rows[before:count]:
            if row.placement not in seen and row.placement in means:
                losses.append((metric.loss(means[row.placement]), row.costs[cost] - cheapest))
            seen.add(row.placement)
        before = count
        corner = np.array([metric.loss(worst), width])
        estimated = metric.value(worst + hypervolume(np.array(losses), corner) / width) if losses else np.nan
        last = rows[count - 1]
        table.append(
            {
                "trainings": count,
                "placement": str(last.placement),
                "seed": last.seed,
                "hypervolume": estimated,
                "observed_hypervolume": front_hypervolume(
                    summarize(rows[:count], metric), cost, (cheapest, dearest), worst=worst
                ),
            }
        )
    return pd.DataFrame(table)
