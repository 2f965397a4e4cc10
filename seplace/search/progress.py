"""How far a run is and how good its front, told to whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seplace.results.evaluation import Evaluation
from seplace.results.summaries import front_of, relative_hypervolume, summarize


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How good the observed front is."""

    front_size: int
    hypervolume: float
    """Share of the box from 0 to 100 % accuracy and over the cost range."""
    best_accuracy: float | None
    """Greatest mean validation accuracy in percent."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    phase: str
    done: float
    """Trainings finished in this phase, and the finished part of those that run."""
    total: float
    """Trainings that this phase will need, as far as is known; hours are turned into shares of 1."""
    trained: int
    failed: int
    standing: Standing


Observer = Callable[[Progress], None]
"""Hears of every change; it is called often and must be quick."""


def standing_of(evaluations: Iterable[Evaluation], cost: str, cost_range: tuple[float, float] | None) -> Standing:
    """Return how good the front of some evaluations is; without a cost range that of what was trained is taken."""
    summaries = summarize(evaluations)
    if not summaries:
        return Standing(front_size=0, hypervolume=0.0, best_accuracy=None)
    known = [row.costs[cost] for row in summaries]
    return Standing(
        front_size=len(front_of(summaries, cost)),
        hypervolume=relative_hypervolume(summaries, cost, cost_range or (min(known), max(known))),
        best_accuracy=max(row.accuracy for row in summaries),
    )
