"""Evaluations by placement: means over seeds, adjusted for seed effects, and the front of these means.

Values of the metric become scores, where larger is better, as evaluations become arrays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seplace.metric import Metric
from seplace.pareto import front, hypervolume, reference_cost
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.pairing import unpaired_keys
from seplace.score_unit import ScoreUnit


@dataclass(frozen=True, kw_only=True)
class PlacementSummary:
    """The evaluations of one placement together."""

    placement: Placement
    metric: Metric
    scores: Mapping[int, float]
    """The scores of the metric on the validation split by seed: larger is better."""
    cross_entropies: Mapping[int, float]
    costs: Mapping[str, float]
    top5_accuracies: Mapping[int, float] = field(default_factory=dict)
    """Validation top-5 accuracy in percent by seed; empty where it is not known."""
    seed_effects: Mapping[int, float] = field(default_factory=dict)
    """The effect of each seed on the score of every placement."""
    unpaired: frozenset[int] = frozenset()
    """The seeds on which it saw other data than the plain backbone."""

    @property
    def n(self) -> int:
        """The number of seeds."""
        return len(self.scores)

    @property
    def score(self) -> float:
        """The mean score over seeds, adjusted for which seeds they were."""
        values = self.adjusted_scores
        return values[0] if len(values) == 1 else float(np.mean(values))

    @property
    def own_value(self) -> float:
        """The mean of the metric as it was, in its unit."""
        return self.metric.value(float(np.mean(list(self.scores.values()))))

    @property
    def adjusted_scores(self) -> list[float]:
        """The scores without the effects of their seeds."""
        effects = self.seed_effects
        return [
            score - (0.0 if seed in self.unpaired else effects.get(seed, 0.0)) for seed, score in self.scores.items()
        ]

    @property
    def paired_scores(self) -> Mapping[int, float]:
        """The scores by seed of the trainings that are paired with those of other placements."""
        if not self.unpaired:
            return self.scores
        return {seed: score for seed, score in self.scores.items() if seed not in self.unpaired}


def summarize(evaluations: Iterable[Evaluation], metric: Metric) -> list[PlacementSummary]:
    """Group complete evaluations of the full length by placement, in order of first appearance."""
    groups: dict[Placement, list[Evaluation]] = defaultdict(list)
    evaluations = list(evaluations)
    unpaired = unpaired_keys(evaluations)
    for evaluation in evaluations:
        if evaluation.state == "complete":
            groups[evaluation.placement].append(evaluation)
    scores = {
        placement: {row.seed: metric.score(row.value) for row in rows if row.value is not None}
        for placement, rows in groups.items()
    }
    seeds_apart = {
        placement: frozenset(row.seed for row in rows if row.key in unpaired) for placement, rows in groups.items()
    }
    effects = seed_effects(
        [
            {seed: score for seed, score in by_seed.items() if seed not in seeds_apart[placement]}
            for placement, by_seed in scores.items()
        ]
    )
    return [
        PlacementSummary(
            placement=placement,
            metric=metric,
            scores=scores[placement],
            cross_entropies={row.seed: row.cross_entropy for row in rows if row.cross_entropy is not None},
            costs=rows[0].costs,
            top5_accuracies={row.seed: row.top5_accuracy for row in rows if row.top5_accuracy is not None},
            seed_effects=effects,
            unpaired=seeds_apart[placement],
        )
        for placement, rows in groups.items()
    ]


def seed_effects(scores: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return the effect of each seed, from the scores of each placement by seed.

    Seeds are paired: one seed gives every placement the same backbone weights, data order and augmentation. Without
    the adjustment a placement that was trained on the best seed alone would stand above one that was trained on all.
    Least squares of score = placement + seed; the effects of all seeds sum to zero.
    """
    seeds = sorted({seed for by_seed in scores for seed in by_seed})
    column = {seed: at for at, seed in enumerate(seeds)}
    normal, right = np.zeros((len(seeds), len(seeds))), np.zeros(len(seeds))
    for by_seed in scores:
        at = [column[seed] for seed in by_seed]
        if not at:
            continue
        if len(at) == 1:  # the same sums, in less time
            normal[at[0], at[0]] += 1.0
            normal[at[0], at[0]] -= 1.0
            continue
        values = np.array(list(by_seed.values()))
        normal[at, at] += 1.0
        normal[np.ix_(at, at)] -= 1.0 / len(at)
        right[at] += values - values.mean()
    effects = np.linalg.pinv(normal) @ right  # of the solutions, that of least norm sums to zero
    return {seed: float(effect) for seed, effect in zip(seeds, effects, strict=True)}


def losses_of(summaries: Sequence[PlacementSummary], cost: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return losses (n, 2), smaller is better: that of the metric (percent wrong, for accuracy), and the cost."""
    return np.array([(row.metric.loss(row.score), row.costs[cost]) for row in summaries], dtype=float).reshape(-1, 2)


def front_of(summaries: Sequence[PlacementSummary], cost: str) -> list[PlacementSummary]:
    """Return the non-dominated placements by mean score and cost, cheapest first."""
    if not summaries:
        return []
    losses = losses_of(summaries, cost)
    unit = ScoreUnit.of(summaries[0].metric, [row.score for row in summaries])
    if unit.is_own:  # so that equal means are equal on every scale
        losses[:, 0] = [-unit.count(row.score) for row in summaries]
    mask = front(losses)
    candidates = [row for row, on_front in zip(summaries, mask, strict=True) if on_front]
    return sorted(candidates, key=lambda row: (row.costs[cost], str(row.placement)))


def front_hypervolume(
    summaries: Sequence[PlacementSummary],
    cost: str,
    cost_range: tuple[float, float],
    *,
    worst: float | None = None,
) -> float:
    """Return the metric of the front averaged over the range of the cost, in its unit; NaN without placements.

    Where no placement is so cheap, the worst possible score counts: 0 % of accuracy. Of a metric without one it is the
    `worst` that is given, by default that of the placements.
    """
    if not summaries:
        return math.nan
    metric, (cheapest, dearest) = summaries[0].metric, cost_range
    width = reference_cost(cheapest, dearest) - cheapest
    if metric.worst_score is not None:
        worst = metric.worst_score
    elif worst is None:
        worst = min(row.score for row in summaries)
    corner = metric.loss(worst)
    losses = losses_of(summaries, cost) - (0.0, cheapest)
    return metric.value(worst + hypervolume(losses, np.array([corner, width])) / width)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error; the error of fewer than two values is NaN."""
    if len(values) == 1:
        return float(values[0]), math.nan
    mean = float(np.mean(values)) if values else math.nan
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return mean, error
