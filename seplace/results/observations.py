"""Evaluations as the observations of the model, and the estimates that it learns from them.

Values of the metric become scores here: larger is better from here on, until tables show values again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from seplace.errors import CorruptResults
from seplace.results.evaluation import Evaluation
from seplace.results.pairing import unpaired_keys

if TYPE_CHECKING:
    from seplace.effects.design import Design
    from seplace.effects.estimates import Estimates
    from seplace.effects.model import Observation
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.space import SearchSpace


def observation_of(evaluation: Evaluation, metric: Metric, *, is_paired: bool = True) -> Observation | None:
    """Return a training as an observation of the model; None where it failed."""
    from seplace.effects.model import Observation

    if evaluation.value is None:
        return None
    return Observation(
        placement=evaluation.placement,
        seed=evaluation.seed if is_paired else None,
        score=metric.score(evaluation.value),
        cross_entropy=evaluation.cross_entropy,
        correct=evaluation.correct,
        sample_scores=evaluation.sample_scores,
    )


def observations_of(evaluations: Iterable[Evaluation], metric: Metric) -> list[Observation]:
    """Return the complete trainings as observations of the model, in an order of their own."""
    rows = sorted(evaluations, key=lambda row: row.key)
    unpaired = unpaired_keys(rows)
    observations = (observation_of(row, metric, is_paired=row.key not in unpaired) for row in rows)
    return [each for each in observations if each is not None]


def estimates_of(
    design: Design,
    evaluations: Sequence[Evaluation],
    cost: str,
    *,
    metric: Metric,
    is_front_of_space: bool,
    named: Collection[Placement] = (),
) -> Estimates:
    """Learn the estimates of the placements that were trained; at least one evaluation must be complete.

    Of very many, the most promising have estimates, and those that are `named`, such as baselines.

    The front is that of the space and the plain backbone. Without `is_front_of_space`, as in studies that began with
    version 0.10, baselines outside the space may be on it.
    """
    from seplace.effects.estimates import Estimates

    check_fit(evaluations, design.space)
    complete = [row for row in evaluations if row.value is not None]
    lacking = next((row for row in complete if cost not in row.costs), None)
    if lacking is not None:
        raise CorruptResults(f"the ledger does not say what {lacking.placement}, seed {lacking.seed}, costs: {cost}")
    costs = {row.placement: row.costs[cost] for row in complete}
    beside = [placement for placement in costs if not is_candidate(placement, design.space)]
    return Estimates(
        design,
        observations_of(evaluations, metric),
        costs,
        metric=metric,
        beside=beside if is_front_of_space else (),
        named=named,
    )


def check_fit(evaluations: Iterable[Evaluation], space: SearchSpace) -> None:
    """Raise CorruptResults where an evaluation is of a placement on another backbone than those of the space."""
    for row in evaluations:
        if len(row.placement) != len(space.choices) or row.placement.variant not in space.backbones:
            raise CorruptResults(f"the ledger has a training of {str(row.placement)[:200]}, which is not of its space")


def is_candidate(placement: Placement, space: SearchSpace) -> bool:
    """Return whether a placement may be on a front: a candidate of the space, or the plain backbone."""
    return placement.is_plain or placement in space
