"""How good the recommended front is after so many trainings, in truth; over many repetitions, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.effects.denoised import sharpened
from seplace.effects.model import Posterior
from seplace.effects.recommend import recommended_front
from seplace.results.evaluation import front_of, judge, observations_of, summarise

if TYPE_CHECKING:
    import pandas as pd

    from seplace.simulation.problem import World
    from seplace.simulation.replay import Replay

OBSERVED, POSTERIOR = "observed", "posterior"
"""Recommendations: the front of what was trained by mean accuracy, or what the model recommends of the whole space."""

_SCALES = 24
"""Sets of scales that stand for what is not known of them; the confirmation of a study asks as many."""


@dataclass(frozen=True, kw_only=True)
class Belief:
    """How true the judgement of the trained front is at the end of a replay."""

    members: int
    covered: int
    """Members of the front whose true accuracy lies in its 90 % interval."""
    gains_covered: int
    """Members whose true gain over none lies in its 90 % interval."""
    bias: float
    """Mean of believed minus true accuracy over the members, in points."""
    observed_bias: float
    """The same of the plain front of mean accuracies."""
    gain_bias: float
    """Mean of believed minus true gain over none, in points: how kind the seeds were is no part of it."""
    observed_gain_bias: float
    claimed: int
    """Placements that the verdict calls better than none."""
    wrongly_claimed: int
    """… of which so many are not."""


def hypervolumes(world: World, replayed: Replay, checkpoints: Sequence[float]) -> list[dict[str, Any]]:
    """Return the share of the true hypervolume that each recommendation reaches after so many full lengths trained.

    And how many members it has.
    """
    rows = []
    for trainings in checkpoints:
        if trainings >= replayed.total + 1:  # a search with rungs ends less than a full length before its budget
            continue
        pairs = zip(replayed.evaluations, replayed.spent, strict=True)
        past = [evaluation for evaluation, spent in pairs if spent <= trainings]
        observed = [row.placement for row in front_of(summarise(past), world.cost)]
        observations = sharpened(replayed.design, observations_of(past))
        posterior = Posterior(
            replayed.design, observations, draws=_SCALES, random=np.random.default_rng(round(trainings))
        )
        recommended = world.placements(recommended_front(posterior, world.region, closed=()))
        for name, placements in ((OBSERVED, observed), (POSTERIOR, recommended)):
            rows.append(
                {
                    "recommendation": name,
                    "trainings": trainings,
                    "hypervolume": world.share(placements),
                    "members": len(placements),
                }
            )
    return rows


def belief(world: World, replayed: Replay) -> Belief:
    """Compare what is believed of the trained front with the truth."""
    space, evaluations = world.space, replayed.evaluations
    judgement = judge(replayed.design, evaluations, world.cost, is_front_of_space=False)
    true = {placement: float(world.truth[space.index(placement)]) for placement in judgement.placements}
    plain = next(placement for placement in judgement.placements if placement.is_plain)
    accuracies = {placement: judgement.accuracy(placement) for placement in judgement.front}
    gains = {placement: judgement.difference(placement, plain) for placement in judgement.front if placement != plain}
    summaries = summarise(evaluations)
    observed = [(row.placement, row.accuracy) for row in front_of(summaries, world.cost)]
    observed_plain = next(row.accuracy for row in summaries if row.placement == plain)
    claimed = judgement.surely_better(plain)
    return Belief(
        members=len(accuracies),
        covered=sum(each.lower <= true[placement] <= each.upper for placement, each in accuracies.items()),
        gains_covered=sum(
            each.lower <= true[placement] - true[plain] <= each.upper for placement, each in gains.items()
        ),
        bias=_mean([each.mean - true[placement] for placement, each in accuracies.items()]),
        observed_bias=_mean([accuracy - true[placement] for placement, accuracy in observed]),
        gain_bias=_mean([each.mean - (true[placement] - true[plain]) for placement, each in gains.items()]),
        observed_gain_bias=_mean(
            [
                accuracy - observed_plain - (true[placement] - true[plain])
                for placement, accuracy in observed
                if placement != plain
            ]
        ),
        claimed=len(claimed),
        wrongly_claimed=sum(true[placement] <= true[plain] for placement in claimed),
    )


def _mean(values: Sequence[float]) -> float:
    """Return the mean, 0 without any: a front of none alone has no gain to be wrong about."""
    return float(np.mean(values)) if values else 0.0


def summary(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the mean hypervolume with its 95 % interval over repetitions, for each curve at each checkpoint.

    And the mean number of members, where it is known.
    """
    keys = ["world", "sampler", "recommendation", "trainings"]
    grouped = curves.groupby(keys, sort=False)
    table = grouped["hypervolume"].agg(["mean", "std", "count"])
    table["members"] = grouped["members"].mean()
    table = table.reset_index()
    reach = 1.96 * table["std"] / np.sqrt(table["count"])
    return table.rename(columns={"mean": "hypervolume", "count": "repetitions"}).assign(
        lower=table["mean"] - reach, upper=table["mean"] + reach
    )
