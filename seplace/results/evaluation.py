"""Evaluations, one row each, and what they say together: by placement, of the front, of what can be believed.

Accuracies are in percent of the images of a split, cross-entropies in nats, costs in the units of the cost table.
Directions become losses here, where rows become arrays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from seplace.files.atomic import safe_name
from seplace.pareto import front, hypervolume, reference_cost
from seplace.placement import Placement

if TYPE_CHECKING:
    import pandas as pd

    from seplace.effects.design import Design
    from seplace.effects.estimates import Estimates
    from seplace.effects.model import Observation
    from seplace.space import SearchSpace

EvaluationKey = tuple[str, int, int]
"""(placement, seed, epochs): what an evaluation is; no two in a ledger are equal."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training that is asked for."""

    placement: Placement
    seed: int
    epochs: int

    @property
    def key(self) -> EvaluationKey:
        """What its evaluation will be known by."""
        return (str(self.placement), self.seed, self.epochs)

    @property
    def file_name(self) -> str:
        """A file name without suffix, short and safe on every system; which placement it is stands in the ledger."""
        return f"{safe_name(str(self.placement))}_seed{self.seed}_epochs{self.epochs}"

    @property
    def file_name_of_0_10(self) -> str:
        """The name that version 0.10 gave: the whole placement, an import path's colon as a plus sign."""
        return f"{self.placement}_seed{self.seed}_epochs{self.epochs}".replace(":", "+")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One training of one placement, or the reason why it gave no result."""

    placement: Placement
    seed: int
    epochs: int
    state: Literal["complete", "failed"]
    accuracy: float | None = None
    """Validation accuracy in percent."""
    cross_entropy: float | None = None
    """Validation cross-entropy in nats."""
    curve: tuple[Mapping[str, float | None], ...] = ()
    """epoch, accuracy, cross_entropy and train_loss at the recipe's check epochs and the study's rungs."""
    costs: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = ""
    threads: int = 0
    weights: str | None = None
    """File name in the study's `weights` folder."""
    weights_sha256: str | None = None
    reason: str = ""
    """One word for a failure: diverged, oom, crashed, timeout, error."""
    message: str = ""
    attempts: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> EvaluationKey:
        """What makes this evaluation the one it is."""
        return (str(self.placement), self.seed, self.epochs)

    def accuracy_after(self, epochs: int) -> float | None:
        """Return the validation accuracy after so many epochs in percent; None where it was not scored then."""
        if epochs == self.epochs:
            return self.accuracy
        return next((point["accuracy"] for point in self.curve if point["epoch"] == epochs), None)

    def to_record(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types."""
        return asdict(self) | {"placement": str(self.placement)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_record` gave; ValueError, TypeError or KeyError for anything else."""
        scores = [
            record["accuracy"],
            record["cross_entropy"],
            *(each for point in record["curve"] for each in point.values()),
        ]
        numbers = [record["seed"], record["epochs"], record["seconds"], *record["costs"].values()]
        strange = [each for each in scores if each is not None and not _is_number(each)]
        strange += [each for each in numbers if not _is_number(each)]
        if strange:
            raise ValueError(f"{strange[0]!r} is no number")
        return cls(**{**record, "placement": Placement.parse(record["placement"]), "curve": tuple(record["curve"])})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class PlacementSummary:
    """The evaluations of one placement together."""

    placement: Placement
    accuracies: Mapping[int, float]
    """Validation accuracy in percent by seed."""
    cross_entropies: Mapping[int, float]
    costs: Mapping[str, float]
    seed_effects: Mapping[int, float] = field(default_factory=dict)
    """By how many points each seed was better than the average one, to all placements alike."""

    @property
    def n(self) -> int:
        """The number of seeds."""
        return len(self.accuracies)

    @property
    def accuracy(self) -> float:
        """The mean accuracy over seeds in percent, adjusted for which seeds they were."""
        return float(np.mean(self.adjusted_accuracies))

    @property
    def adjusted_accuracies(self) -> list[float]:
        """The accuracies without what their seeds gave to all placements alike."""
        return [value - self.seed_effects.get(seed, 0.0) for seed, value in self.accuracies.items()]


def summarise(evaluations: Iterable[Evaluation]) -> list[PlacementSummary]:
    """Group complete evaluations of the full length by placement, in order of first appearance."""
    groups: dict[Placement, list[Evaluation]] = defaultdict(list)
    for evaluation in evaluations:
        if evaluation.state == "complete":
            groups[evaluation.placement].append(evaluation)
    effects = seed_effects(
        [{row.seed: row.accuracy for row in rows if row.accuracy is not None} for rows in groups.values()]
    )
    return [
        PlacementSummary(
            placement=placement,
            accuracies={row.seed: row.accuracy for row in rows if row.accuracy is not None},
            cross_entropies={row.seed: row.cross_entropy for row in rows if row.cross_entropy is not None},
            costs=rows[0].costs,
            seed_effects=effects,
        )
        for placement, rows in groups.items()
    ]


def seed_effects(accuracies: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return the effect of each seed in points, from the accuracies of each placement by seed.

    Seeds are paired: one seed gives every placement the same backbone weights, data order and augmentation. Without
    the adjustment a placement that was trained on the kindest seed alone would stand above one trained on all. Least
    squares of accuracy = placement + seed; the effects of all seeds sum to zero.
    """
    seeds = sorted({seed for by_seed in accuracies for seed in by_seed})
    column = {seed: at for at, seed in enumerate(seeds)}
    normal, right = np.zeros((len(seeds), len(seeds))), np.zeros(len(seeds))
    for by_seed in accuracies:
        at = [column[seed] for seed in by_seed]
        values = np.array(list(by_seed.values()))
        normal[at, at] += 1.0
        normal[np.ix_(at, at)] -= 1.0 / len(at)
        right[at] += values - values.mean()
    effects = np.linalg.pinv(normal) @ right  # of the solutions, that of least norm sums to zero
    return {seed: float(effect) for seed, effect in zip(seeds, effects, strict=True)}


def observation_of(evaluation: Evaluation) -> Observation | None:
    """Return what the model of effects learns from a training; None where it failed."""
    from seplace.effects.model import Observation

    if evaluation.accuracy is None:
        return None
    return Observation(
        placement=evaluation.placement,
        seed=evaluation.seed,
        accuracy=evaluation.accuracy,
        cross_entropy=evaluation.cross_entropy,
    )


def observations_of(evaluations: Iterable[Evaluation]) -> list[Observation]:
    """Return what the model of effects learns from; the order of the evaluations is no matter."""
    observations = map(observation_of, sorted(evaluations, key=lambda row: row.key))
    return [each for each in observations if each is not None]


def estimates_of(design: Design, evaluations: Sequence[Evaluation], cost: str, *, is_front_of_space: bool) -> Estimates:
    """Learn what can be believed of the placements that were trained; at least one evaluation must be complete.

    The front is that of the space and the plain backbone; without `is_front_of_space`, as in studies that began with
    version 0.10, baselines that the space does not have may be on it.
    """
    from seplace.effects.estimates import Estimates

    costs = {row.placement: row.costs[cost] for row in evaluations if row.accuracy is not None}
    beside = [placement for placement in costs if not is_candidate(placement, design.space)]
    return Estimates(design, observations_of(evaluations), costs, beside=beside if is_front_of_space else ())


def is_candidate(placement: Placement, space: SearchSpace) -> bool:
    """Whether a placement may be on a front, recommended and picked: a candidate of the space, or the plain backbone."""
    return placement.is_plain or placement in space


def losses_of(summaries: Sequence[PlacementSummary], cost: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return losses (n, 2), smaller is better: percent wrong, and the cost."""
    return np.array([(100 - row.accuracy, row.costs[cost]) for row in summaries], dtype=float).reshape(-1, 2)


def front_of(summaries: Sequence[PlacementSummary], cost: str) -> list[PlacementSummary]:
    """Return the non-dominated placements by mean accuracy and cost, cheapest first."""
    if not summaries:
        return []
    mask = front(losses_of(summaries, cost))
    candidates = [row for row, on_front in zip(summaries, mask, strict=True) if on_front]
    return sorted(candidates, key=lambda row: (row.costs[cost], str(row.placement)))


def relative_hypervolume(summaries: Sequence[PlacementSummary], cost: str, cost_range: tuple[float, float]) -> float:
    """Return the share of the box (0 to 100 % accuracy, the cost range) that the front dominates."""
    if not summaries:
        return 0.0
    cheapest, dearest = cost_range
    losses = losses_of(summaries, cost) - (0.0, cheapest)
    width = reference_cost(cheapest, dearest) - cheapest
    return hypervolume(losses, np.array([100.0, width])) / (100.0 * width)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error; the error of fewer than two values is NaN."""
    mean = float(np.mean(values)) if values else math.nan
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return mean, error


def evaluations_frame(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return one row an evaluation, in the order given: placement, per-stage columns, seed, scores, costs, seconds."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "placement": str(row.placement),
                **stage_columns(row.placement),
                "seed": row.seed,
                "epochs": row.epochs,
                "state": row.state,
                "accuracy": row.accuracy,
                "cross_entropy": row.cross_entropy,
                **row.costs,
                "seconds": round(row.seconds, 3),
                "device": row.device,
                "attempts": row.attempts,
                "reason": row.reason,
            }
            for row in evaluations
        ]
    )


def rungs_frame(rungs: Sequence[Evaluation], evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return one row a training at a rung, in the order given: placement, per-stage columns, seed, scores, seconds.

    epochs are those of the rung; reached are those of the training in the end, of the full length if it went on so far.
    """
    import pandas as pd

    reached: dict[tuple[Placement, int], int] = defaultdict(int)
    for row in (*rungs, *evaluations):
        training = (row.placement, row.seed)
        reached[training] = max(reached[training], row.epochs)
    return pd.DataFrame(
        [
            {
                "placement": str(row.placement),
                **stage_columns(row.placement),
                "seed": row.seed,
                "epochs": row.epochs,
                "reached": reached[row.placement, row.seed],
                "accuracy": row.accuracy,
                "cross_entropy": row.cross_entropy,
                **row.costs,
                "seconds": round(row.seconds, 3),
            }
            for row in rungs
        ]
    )


def stage_columns(placement: Placement) -> dict[str, str]:
    """Return the choices by stage (stage1, stage2, …), and the backbone where it is another than the space's first."""
    variant = {"variant": placement.variant} if placement.variant else {}
    return variant | {f"stage{number}": str(choice) for number, choice in enumerate(placement.choices, start=1)}
