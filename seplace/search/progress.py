"""The progress of a run, and the quality of its front so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.summaries import front_of, relative_hypervolume, summarize


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The quality of the observed front."""

    front_size: int
    hypervolume: float
    """Share of the box from 0 to 100 % accuracy and over the range of the cost."""
    best_accuracy: float | None
    """The mean validation accuracy in percent of the best placement, of its own trainings as they were."""
    best: Placement | None
    """The placement with the greatest mean accuracy, adjusted for seed effects; it may change with any training."""
    best_seeds: int
    """The seeds of that placement."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run."""

    study: str
    """The name of the study."""
    phase: str
    done: float
    """Trainings finished in this phase, plus the finished part of those that run."""
    total: float
    """Trainings that this phase needs; 1 for a budget in hours, whose `done` is the share that has passed."""
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


def standing_of(evaluations: Iterable[Evaluation], cost: str, cost_range: tuple[float, float] | None) -> Standing:
    """Return the quality of the front of some evaluations; without a cost range, that of the evaluations is used."""
    summaries = summarize(evaluations)
    if not summaries:
        return Standing(front_size=0, hypervolume=0.0, best_accuracy=None, best=None, best_seeds=0)
    known = [row.costs[cost] for row in summaries]
    best = max(summaries, key=lambda row: row.accuracy)
    return Standing(
        front_size=len(front_of(summaries, cost)),
        hypervolume=relative_hypervolume(summaries, cost, cost_range or (min(known), max(known))),
        best_accuracy=best.own_accuracy,
        best=best.placement,
        best_seeds=best.n,
    )
