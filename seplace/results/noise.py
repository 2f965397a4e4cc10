"""How much of a table of trainings is placement and how much is luck: variance components and rank correlations.

Two-way analysis of variance without replication (placements x seeds), by mean squares: Searle, Casella and McCulloch,
Variance Components, 1992. Intervals are of a bootstrap over placements.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import f as f_distribution

from seplace.arrays import Floats
from seplace.errors import DataError
from seplace.interval import UNKNOWN, Interval
from seplace.rank_correlation import bootstrap_weights, kendall, signs

if TYPE_CHECKING:
    import pandas as pd

    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation

_REPEATS = 1000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Placements that were all trained on the same seeds."""

    placements: tuple[Placement, ...]
    seeds: tuple[int, ...]
    scores: Floats
    """(placements, seeds): accuracy in percent, or cross-entropy in hundredths of a nat, negative: larger is better."""
    early: dict[int, Floats]
    """The same after fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """What scores are made of, as standard deviations."""

    placement: float
    seed: float
    residual: float
    ratio: float
    """F: the mean square of placements over that of the residuals; NaN where nothing differs from anything."""
    chance: float
    """The probability of such an F where placements do not differ."""

    def reliability(self, seeds: int) -> float:
        """Return the share of the variance of a mean over paired seeds that is of the placement."""
        signal = self.placement**2
        noise = self.residual**2 / seeds
        return signal / (signal + noise) if signal + noise > 0 else 0.0


def noise_frame(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return one row a quantity: for accuracy and cross-entropy its value with the bounds of its 90 % interval.

    DataError unless at least three placements share two seeds.
    """
    import pandas as pd

    rows = []
    blocks = {score: complete_block(evaluations, score=score) for score in ("accuracy", "cross_entropy")}
    for score, block in blocks.items():
        for name, figures in _figures(block).items():
            rows.append({"score": score, "quantity": name, **Interval.of_resamples(figures).columns("value")})
        share = main_effects_share(block.placements, block.scores.mean(axis=1))
        rows.append({"score": score, "quantity": "share of main effects in means over seeds", "value": share})
    block = blocks["accuracy"]
    accuracy, cross_entropy = (signs(each.scores.mean(axis=1)) for each in blocks.values())
    (tau,) = kendall(accuracy, cross_entropy, np.ones((1, len(block.placements))))
    rows.append({"score": "both", "quantity": "tau between accuracy and cross-entropy, means over seeds", "value": tau})
    return pd.DataFrame(rows).assign(placements=len(block.placements), seeds=len(block.seeds))


def complete_block(evaluations: Sequence[Evaluation], *, score: str) -> Block:
    """Return the placements trained on all of the seeds that most of the replicated ones share."""
    rows: dict[Placement, dict[int, Evaluation]] = defaultdict(dict)
    for row in evaluations:
        if row.accuracy is not None:
            rows[row.placement][row.seed] = row
    most = max((len(by_seed) for by_seed in rows.values()), default=0)
    # More placements weigh as much as more seeds: the block with most trainings in it.
    sizes = {count: sum(len(by_seed) >= count for by_seed in rows.values()) for count in range(2, most + 1)}
    count = max(sizes, key=lambda count: count * sizes[count], default=0)
    seeds = tuple(range(count))
    members = tuple(placement for placement, by_seed in rows.items() if set(seeds) <= set(by_seed))
    if count < 2 or len(members) < 3:
        raise DataError("a noise report needs at least three placements that were trained on the same two seeds")

    def scores(get: Callable[[Evaluation], float]) -> Floats:
        return np.array([[get(rows[placement][seed]) for seed in seeds] for placement in members])

    sign = 1.0 if score == "accuracy" else -100.0
    one = rows[members[0]][0]
    early = {
        int(_at(one, point, "epoch")): sign * scores(functools.partial(_at, point=point, name=score))
        for point in range(len(one.curve) - 1)
    }
    whole = sign * scores(lambda row: getattr(row, score))
    return Block(placements=members, seeds=seeds, scores=whole, early=early)


def _at(evaluation: Evaluation, point: int, name: str) -> float:
    """Return a value of a point of the learning curve; those of the validation split are always there."""
    value = evaluation.curve[point][name]
    assert value is not None
    return value


def components(scores: Floats) -> Components:
    """Split scores (placements, seeds) into what is of the placement, of the seed, and neither's."""
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
        chance=float(f_distribution.sf(ratio, placements - 1, freedom)),
    )


def main_effects_share(placements: Sequence[Placement], means: Floats) -> float:
    """Return the share of the variance of means that a sum of one effect a stage's choice explains, adjusted.

    NaN where the placements are too few for it, or their means are all equal.
    """
    fitted, parameters = main_effects(placements, means)
    freedom = len(placements) - parameters
    if freedom < 1 or np.ptp(means) == 0:
        return float("nan")
    left = float(((means - fitted) ** 2).sum()) / freedom
    return 1 - left / float(means.var(ddof=1))


def main_effects(placements: Sequence[Placement], means: Floats) -> tuple[Floats, int]:
    """Return the sum of one effect a stage's choice that is nearest to means, and how many parameters it has."""
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
    """Return what is reported (1 + resamples,): of all placements first, then of each resample of them."""
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
        "F of placements": of(lambda each: each.ratio),
        "p of F": of(lambda each: each.chance),
        "reliability of one seed": of(lambda each: each.reliability(1)),
        f"reliability of {most} seeds": of(lambda each: each.reliability(most)),
        "tau between two seeds": tau(itertools.combinations(last, 2)),
    }
    for epoch, scores in block.early.items():
        first = _signs_by_seed(scores)
        across = [(one, other) for one, other in itertools.product(range(most), repeat=2) if one != other]
        figures[f"tau of epoch {epoch} and the last, same seed"] = tau(zip(first, last, strict=True))
        figures[f"tau of epoch {epoch} and the last, other seed"] = tau((first[a], last[b]) for a, b in across)
    return figures


def _signs_by_seed(scores: Floats) -> list[Floats]:
    """Return the signs of differences (placements, placements) of scores (placements, seeds), for each seed."""
    return [signs(column) for column in scores.T]
