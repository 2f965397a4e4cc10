"""The progress of a run, and the quality of its front so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seplace.metric import Metric
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.summaries import front_hypervolume, front_of, summarize


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The quality of the observed front."""

    front_size: int
    hypervolume: float
    """The share of the box from 0 to 100 % accuracy and over the range of the cost that the front dominates.

    Of a metric without bounds, the metric of the front averaged over the range of the cost, in its unit.
    """
    best_value: float | None
    """The mean of the metric over the trainings of the best placement as they were, in its unit."""
    best: Placement | None
    """The placement with the best mean, adjusted for seed effects; it may change with any training."""
    best_seeds: int
    """The seeds of that placement."""
    is_of_space: bool = False
    """Whether trained baselines outside the space are left out, as no candidates of the front."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run."""

    study: str
    """The name of the study."""
    metric: Metric
    phase: str
    done: float
    """Trainings finished in this phase, plus the finished part of those that run."""
    total: float
    """Trainings that this phase needs; 1 for a budget in hours, whose `done` is the share that has passed."""
    later: float | None
    """The most trainings of the phases that follow, in the trainings of this one; None where that is not known."""
    trained: int
    failed: int
    running: int
    """The trainings that run or wait for a worker."""
    workers: int
    """The most trainings at once."""
    news: tuple[Evaluation, ...]
    """The trainings that have finished since the progress before."""
    standing: Standing | None
    """It may be behind `trained` within a phase, since to compute it takes longer the more is trained.

    None where thousands of trainings are known and this run has added none yet.
    """


Observer = Callable[[Progress], None]
"""A function that is called with every change; it is called often and must be quick."""


def standing_of(
    evaluations: Iterable[Evaluation],
    cost: str,
    cost_range: tuple[float, float] | None,
    *,
    metric: Metric,
    is_of_space: bool = False,
) -> Standing:
    """Return the quality of the front of some evaluations; without a cost range, that of the evaluations is used."""
    summaries = summarize(evaluations, metric)
    if not summaries:
        return Standing(front_size=0, hypervolume=0.0, best_value=None, best=None, best_seeds=0)
    known = [row.costs[cost] for row in summaries]
    best = max(summaries, key=lambda row: row.score)
    return Standing(
        front_size=len(front_of(summaries, cost)),
        hypervolume=_share(front_hypervolume(summaries, cost, cost_range or (min(known), max(known))), metric),
        best_value=best.own_value,
        best=best.placement,
        best_seeds=best.n,
        is_of_space=is_of_space,
    )


def _share(value: float, metric: Metric) -> float:
    """Return where a value lies between the bounds of its metric; the value itself where it has no bounds."""
    worst, best = metric.worst_score, metric.best_score
    return value if worst is None or best is None else (metric.score(value) - worst) / (best - worst)
