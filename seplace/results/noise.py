"""Noise of trainings: variance components of placement, seed and residual, and rank correlations.

Two-way analysis of variance without replication (placements x seeds), by mean squares: Searle, Casella and McCulloch,
Variance Components, 1992. Intervals come from a bootstrap over placements.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtrc

from seplace.arrays import Floats
from seplace.errors import DataError
from seplace.interval import Interval
from seplace.rank_correlation import bootstrap_weights, kendall, signs

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation

_REPEATS = 1000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Scores of placements that were all trained on the same seeds."""

    placements: tuple[Placement, ...]
    seeds: tuple[int, ...]
    scores: Floats
    """(placements, seeds) of the metric, or cross-entropy in hundredths of a nat, negative: larger is better."""
    early: dict[int, Floats]
    """The same after fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """The variance components of scores, as standard deviations."""

    placement: float
    seed: float
    residual: float
    ratio: float
    """F: the mean square of placements over that of the residuals; NaN where all scores are equal."""
    chance: float
    """The p value of F."""

    def reliability(self, seeds: int) -> float:
        """Return the share of the variance of a mean over paired seeds that is due to the placement."""
        signal = self.placement**2
        noise = self.residual**2 / seeds
        return signal / (signal + noise) if signal + noise > 0 else 0.0


def noise_frame(evaluations: Sequence[Evaluation], metric: Metric) -> pd.DataFrame:
    """Return one row for each quantity of each score: its value, with the bounds of its 90 % interval.

    Raises DataError unless at least three placements share two seeds.
    """
    import pandas as pd

    rows = []
    of_images = ("cross_entropy",) if metric.is_accuracy else ()
    blocks = {score: complete_block(evaluations, metric, score=score) for score in (metric.column, *of_images)}
    for score, block in blocks.items():
        for name, figures in _figures(block).items():
            rows.append({"score": score, "quantity": name, **Interval.of_resamples(figures).columns("value")})
        share = main_effects_share(block.placements, block.scores.mean(axis=1))
        rows.append({"score": score, "quantity": "adjusted R² of main effects, means over seeds", "value": share})
    block = blocks[metric.column]
    if of_images:
        accuracy, cross_entropy = (signs(each.scores.mean(axis=1)) for each in blocks.values())
        (tau,) = kendall(accuracy, cross_entropy, np.ones((1, len(block.placements))))
        name = "tau between accuracy and cross-entropy, means over seeds"
        rows.append({"score": "both", "quantity": name, "value": tau})
    return pd.DataFrame(rows).assign(placements=len(block.placements), seeds=len(block.seeds))


def complete_block(evaluations: Sequence[Evaluation], metric: Metric, *, score: str) -> Block:
    """Return the largest block of placements that were all trained on the same seeds.

    Its scores are of the metric, by the name of its column, or of `cross_entropy`.
    """
    rows, shared, seeds = _paired(evaluations)

    def scores(get: Callable[[Evaluation], float]) -> Floats:
        return np.array([[get(rows[placement][seed]) for seed in seeds] for placement in shared])

    sign, key = (metric.sign, "value") if score == metric.column else (-100.0, score)
    one = rows[shared[0]][0]
    early = {
        int(_at(one, point, "epoch")): sign * scores(functools.partial(_at, point=point, name=key))
        for point in range(len(one.curve) - 1)
    }
    final = sign * scores(lambda row: getattr(row, key))
    return Block(placements=shared, seeds=seeds, scores=final, early=early)


def final_scores(evaluations: Sequence[Evaluation], metric: Metric) -> Floats:
    """Return the scores (placements, seeds) of the block of `complete_block`, without their learning curves."""
    rows, shared, seeds = _paired(evaluations)
    values = [[rows[placement][seed].value for seed in seeds] for placement in shared]
    return metric.sign * np.array(values, dtype=float)


def _paired(
    evaluations: Sequence[Evaluation],
) -> tuple[dict[Placement, dict[int, Evaluation]], tuple[Placement, ...], tuple[int, ...]]:
    """Return complete trainings by placement and seed, and the placements and seeds of the largest block of them."""
    rows: dict[Placement, dict[int, Evaluation]] = defaultdict(dict)
    for row in evaluations:
        if row.value is not None:
            rows[row.placement][row.seed] = row
    most = max((len(by_seed) for by_seed in rows.values()), default=0)
    # The block with most trainings: more placements weigh as much as more seeds.
    sizes = {count: sum(len(by_seed) >= count for by_seed in rows.values()) for count in range(2, most + 1)}
    count = max(sizes, key=lambda count: count * sizes[count], default=0)
    seeds = tuple(range(count))
    shared = tuple(placement for placement, by_seed in rows.items() if set(seeds) <= set(by_seed))
    if count < 2 or len(shared) < 3:
        raise DataError("a noise report needs at least three placements that were trained on the same two seeds")
    return rows, shared, seeds


def _at(evaluation: Evaluation, point: int, name: str) -> float:
    """Return a value of a point of the learning curve; values of the validation split are never missing."""
    value = evaluation.curve[point][name]
    assert value is not None
    return value


def components(scores: Floats) -> Components:
    """Split the variance of scores (placements, seeds) into placement, seed and residual."""
    placements, seeds = scores.shape
    by_placement, by_seed = scores.mean(axis=1), scores.mean(axis=0)
    residuals = scores - by_placement[:, None] - by_seed + scores.mean()
    freedom = (placements - 1) * (seeds - 1)
    error = float((residuals**2).sum()) / freedom
    of_placements = seeds * float(by_placement.var(ddof=1))
    of_seeds = placements * float(by_seed.var(ddof=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(of_placements, error)
    return Components(
        placement=float(np.sqrt(max(of_placements - error, 0) / seeds)),
        seed=float(np.sqrt(max(of_seeds - error, 0) / placements)),
        residual=float(np.sqrt(error)),
        ratio=float(ratio),
        chance=float(fdtrc(placements - 1, freedom, ratio)),
    )


def main_effects_share(placements: Sequence[Placement], means: Floats) -> float:
    """Return the adjusted R² of a sum of main effects, one for each choice of a stage, for means over seeds.

    NaN for too few placements, or if their means are all equal.
    """
    fitted, parameters = main_effects(placements, means)
    freedom = len(placements) - parameters
    if freedom < 1 or np.ptp(means) == 0:
        return float("nan")
    left = float(((means - fitted) ** 2).sum()) / freedom
    return 1 - left / float(means.var(ddof=1))


def main_effects(placements: Sequence[Placement], means: Floats) -> tuple[Floats, int]:
    """Return the least-squares fit of means by main effects of the choices, and its number of parameters."""
    levels = [
        sorted({str(placement.choices[stage]) for placement in placements}) for stage in range(len(placements[0]))
    ]
    columns = [
        [float(str(placement.choices[stage]) == level) for placement in placements]
        for stage, names in enumerate(levels)
        for level in names[1:]
    ]
    design = np.array([np.ones(len(placements)), *columns]).T
    found, _, rank, _ = np.linalg.lstsq(design, means, rcond=None)
    return design @ found, int(rank)


def _figures(block: Block) -> dict[str, Floats]:
    """Return each quantity (1 + resamples,): of all placements first, then of each resample of placements."""
    count, most = block.scores.shape
    weights = bootstrap_weights(count, resamples=_REPEATS, seed=0)
    found = [components(np.repeat(block.scores, each.astype(int), axis=0)) for each in weights]

    def of(measure: Callable[[Components], float]) -> Floats:
        return np.array([measure(each) for each in found])

    last = _signs_by_seed(block.scores)

    def tau(pairs: Iterable[tuple[Floats, Floats]]) -> Floats:
        return np.asarray(np.mean([kendall(one, other, weights) for one, other in pairs], axis=0))

    figures = {
        "sd of placements": of(lambda each: each.placement),
        "sd of seeds": of(lambda each: each.seed),
        "sd of residuals": of(lambda each: each.residual),
        "F statistic of placements": of(lambda each: each.ratio),
        "p value of F": of(lambda each: each.chance),
        "reliability of one seed": of(lambda each: each.reliability(1)),
        f"reliability of {most} seeds": of(lambda each: each.reliability(most)),
        "tau between two seeds": tau(itertools.combinations(last, 2)),
    }
    for epoch, scores in block.early.items():
        first = _signs_by_seed(scores)
        across = [(one, other) for one, other in itertools.product(range(most), repeat=2) if one != other]
        figures[f"tau between epoch {epoch} and the last, same seed"] = tau(zip(first, last, strict=True))
        figures[f"tau between epoch {epoch} and the last, other seed"] = tau((first[a], last[b]) for a, b in across)
    return figures


def _signs_by_seed(scores: Floats) -> list[Floats]:
    """Return the signs of differences (placements, placements) of scores (placements, seeds), for each seed."""
    return [signs(column) for column in scores.T]
