"""The true hypervolume of recommended fronts by number of trainings, and the calibration of estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.effects.estimates import guide_of
from seplace.effects.model import images_of
from seplace.effects.recommend import recommended_front
from seplace.results.observations import estimates_of, observations_of
from seplace.results.summaries import front_of, summarize

if TYPE_CHECKING:
    import pandas as pd

    from seplace.simulation.problem import SearchProblem
    from seplace.simulation.replay import Replay

OBSERVED, POSTERIOR = "observed", "posterior"
"""Recommendations: the front of the trained placements by mean accuracy, or the model's, over the whole space."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The calibration of the estimates of the trained front at the end of a search."""

    front_points: int
    covered: int
    """Front points whose true accuracy lies in its 90 % credible interval."""
    gains_covered: int
    """Front points whose true gain lies in its 90 % credible interval."""
    bias: float
    """Mean of estimated minus true accuracy over the front points, in points."""
    observed_bias: float
    """The same for the front of mean accuracies."""
    gain_bias: float
    """Mean of estimated minus true gain, in points; the seed effect cancels in a gain."""
    observed_gain_bias: float
    """The same for the front of mean accuracies."""
    claimed: int
    """Placements that the verdict calls better than the plain backbone."""
    wrongly_claimed: int
    """Claimed placements that are not better."""
    compared: int
    """Trained placements, on the front or not, beside the plain backbone."""
    compared_accuracies_covered: int
    """Those whose true accuracy lies in its 90 % credible interval."""
    compared_gains_covered: int
    """Those whose true gain lies in its 90 % credible interval."""
    compared_gains_below: int
    """Those whose true gain lies below its interval: the estimate is too high."""
    compared_gain_bias: float
    """Mean of their estimated minus true gain, in points."""
    compared_gain_error: float
    """The root mean square of the same."""
    compared_gain_width: float
    """The mean width of the intervals of their gains, in points."""


def hypervolumes(problem: SearchProblem, replayed: Replay, checkpoints: Sequence[float]) -> list[dict[str, Any]]:
    """Return the share of the true hypervolume, and the number of front points, of each recommendation.

    `checkpoints` are amounts of training in full lengths.
    """
    rows = []
    for trainings in checkpoints:
        if trainings >= replayed.total + 1:  # a search with rungs ends less than a full length before its budget
            continue
        pairs = zip(replayed.evaluations, replayed.spent, strict=True)
        history = [evaluation for evaluation, spent in pairs if spent <= trainings]
        observed = [row.placement for row in front_of(summarize(history, problem.metric), problem.cost)]
        observations = observations_of(history, problem.metric)
        images = images_of(replayed.design, observations)
        posterior = guide_of(replayed.design, observations, images=images, metric=problem.metric)
        recommended = problem.placements(recommended_front(posterior, problem.priced_space, closed=()))
        for name, placements in ((OBSERVED, observed), (POSTERIOR, recommended)):
            rows.append(
                {
                    "recommendation": name,
                    "trainings": trainings,
                    "hypervolume": problem.share(placements),
                    "front_points": len(placements),
                }
            )
    return rows


def calibration(problem: SearchProblem, replayed: Replay, *, trainings: int) -> Calibration:
    """Compare the estimates after some trainings, of the trained front and of all placements, with the truth."""
    space, evaluations = problem.space, replayed.evaluations[:trainings]
    estimates = estimates_of(replayed.design, evaluations, problem.cost, metric=problem.metric, is_front_of_space=False)
    true = {placement: float(problem.truth[space.index(placement)]) for placement in estimates.placements}
    plain = next(placement for placement in estimates.placements if placement.is_plain)
    true_gains = {placement: true[placement] - true[plain] for placement in true}
    compared = [placement for placement in estimates.placements if placement != plain]
    accuracies = {placement: estimates.score(placement) for placement in estimates.placements}
    gains = {placement: estimates.difference(placement, plain) for placement in compared}
    errors = {placement: gains[placement].value - true_gains[placement] for placement in compared}
    front = [placement for placement in estimates.front if placement != plain]
    summaries = summarize(evaluations, problem.metric)
    observed = [(row.placement, row.score) for row in front_of(summaries, problem.cost)]
    observed_plain = next(row.score for row in summaries if row.placement == plain)
    claimed = estimates.surely_better(plain)
    return Calibration(
        front_points=len(estimates.front),
        covered=sum(true[each] in accuracies[each] for each in estimates.front),
        gains_covered=sum(true_gains[each] in gains[each] for each in front),
        bias=_mean([accuracies[each].value - true[each] for each in estimates.front]),
        observed_bias=_mean([accuracy - true[placement] for placement, accuracy in observed]),
        gain_bias=_mean([errors[each] for each in front]),
        observed_gain_bias=_mean(
            [
                accuracy - observed_plain - true_gains[placement]
                for placement, accuracy in observed
                if placement != plain
            ]
        ),
        claimed=len(claimed),
        wrongly_claimed=sum(true_gains[each] <= 0 for each in claimed),
        compared=len(compared),
        compared_accuracies_covered=sum(true[each] in accuracies[each] for each in compared),
        compared_gains_covered=sum(true_gains[each] in gains[each] for each in compared),
        compared_gains_below=sum(true_gains[each] < gains[each].lower for each in compared),
        compared_gain_bias=_mean(list(errors.values())),
        compared_gain_error=math.sqrt(_mean([error**2 for error in errors.values()])),
        compared_gain_width=_mean([gain.upper - gain.lower for gain in gains.values()]),
    )


def _mean(values: Sequence[float]) -> float:
    """Return the mean; 0 without values: a front of the plain backbone alone has no gain."""
    return float(np.mean(values)) if values else 0.0


def summary(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the mean hypervolume with its 95 % interval over repetitions, for each curve at each checkpoint.

    The mean number of front points is added if it is known.
    """
    keys = ["problem", "sampler", "recommendation", "trainings"]
    grouped = curves.groupby(keys, sort=False)
    table = grouped["hypervolume"].agg(["mean", "std", "count"])
    table["front_points"] = grouped["front_points"].mean()
    table = table.reset_index()
    reach = 1.96 * table["std"] / np.sqrt(table["count"])
    return table.rename(columns={"mean": "hypervolume", "count": "repetitions"}).assign(
        hypervolume_lower=table["mean"] - reach, hypervolume_upper=table["mean"] + reach
    )
