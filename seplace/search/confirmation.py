"""Confirmation: the trainings that decide most about the front, the gains of its candidates, and the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seplace.effects.estimates import Estimates
from seplace.effects.recommend import recommended_placements
from seplace.results.evaluation import Job
from seplace.results.observations import estimates_of

if TYPE_CHECKING:
    from seplace.effects.priced_space import PricedSpace
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.search.trainings import Trainings

ROUND = 4
"""Trainings that are chosen at a time, whatever the number of workers: a study must not depend on it."""

CANDIDATES = 8
"""The most candidates of the recommended front that are confirmed."""

_DECIDED = 0.1
"""The least doubt that is worth a training, on a scale from 0 (certainty) to 1 (a probability of one half)."""

_NEGLIGIBLE = 0.05
"""The standard deviation in points, so far as seeds can lower it, that needs no more trainings, even in a tie."""

_NEGLIGIBLE_SHARE = 0.03
"""The same for a metric of the user's own, as a share of the standard deviation of the estimates over placements."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A placement, and how much one more training of it would decide."""

    placement: Placement
    is_urgent: bool
    """Whether a verdict may not name it before it has a further seed, and it is on a front or the plain backbone."""
    worth: float


def next_round(
    trainings: Trainings,
    priced_space: PricedSpace,
    *,
    cost: str,
    metric: Metric,
    baselines: Sequence[Placement],
    seeds: int,
) -> list[Job]:
    """Return the next trainings, each paired with the plain backbone on the same seed; empty once all is decided.

    A placement is trained on seeds 0, 1, …, at most `seeds` of them.
    """
    results = trainings.results
    rows = list(results.values())
    estimates = estimates_of(
        priced_space.design,
        rows,
        cost,
        metric=metric,
        is_front_of_space=trainings.is_front_of_space,
        named=baselines,
    )
    plain = next((mark for mark in baselines if mark.is_plain), None)
    jobs: list[Job] = []
    failed = [row.placement for row in rows if row.value is None]
    promising = recommended_placements(estimates, priced_space, failed=failed)[:CANDIDATES]
    for question in _questions(estimates, promising, baselines):
        wanted = [trainings.job(question.placement, seed) for seed in range(seeds)]
        job = next((each for each in wanted if each.key not in results), None)
        if job is None:
            continue
        paired = [job] if plain is None else [trainings.job(plain, job.seed), job]
        if trainings.confirms_each_once:
            paired = list(dict.fromkeys(paired))
        jobs += [each for each in paired if each.key not in results and each not in jobs]
        if len(jobs) >= ROUND:
            break
    return jobs[:ROUND]


def _questions(
    estimates: Estimates, recommended: Sequence[Placement], baselines: Sequence[Placement]
) -> list[_Question]:
    """Return the open questions: second seeds of the fronts and the plain backbone, then the most worthwhile first."""
    doubts = dict.fromkeys([each for each in recommended if each not in estimates.position], 1.0)
    candidates = [placement for placement in recommended if placement in estimates.position]
    for placement in estimates.placements:
        if placement in estimates.beside:
            continue
        on_front = estimates.front_probabilities[placement]
        if placement in candidates or placement in estimates.front or on_front > _DECIDED:
            _raise(doubts, placement, _doubt(on_front))
    for placement in dict.fromkeys([*candidates, *estimates.front]):
        for other in _compared(estimates, placement, baselines):
            doubt = _doubt(estimates.is_better(placement, other))
            _raise(doubts, placement, doubt)
            _raise(doubts, other, doubt)
    plain = [mark for mark in baselines if mark.is_plain and mark in estimates.position]
    urgent = {
        placement
        for placement in [*plain, *candidates, *estimates.front]
        if estimates.seeds[placement] < estimates.FEWEST_SEEDS
    }
    doubts |= dict.fromkeys(urgent, 1.0)
    noise = estimates.posterior.noise_sd**2
    negligible = _NEGLIGIBLE if estimates.metric.is_accuracy else _NEGLIGIBLE_SHARE * float(np.std(estimates.means))
    # What all placements share, such as the effects of seeds, decides nothing.
    relative = estimates.scores - estimates.scores.mean(axis=1, keepdims=True)
    questions = []
    for placement, doubt in doubts.items():
        at = estimates.position.get(placement)
        # Of a placement that was not trained nearly everything is still to be learned.
        variance = noise
        if at is not None:
            variance = float(np.var(relative[:, at])) * (1 - _share_of_images(estimates, placement, baselines))
        learned = np.sqrt(variance / (variance + noise))
        is_urgent = placement in urgent
        if is_urgent or (doubt >= _DECIDED and (at is None or variance > negligible**2)):
            questions.append(_Question(placement=placement, is_urgent=is_urgent, worth=float(doubt * learned)))
    return sorted(questions, key=lambda each: (not each.is_urgent, -each.worth, str(each.placement)))


def _share_of_images(estimates: Estimates, placement: Placement, baselines: Sequence[Placement]) -> float:
    """Return the share of what is not known of a placement that no seed tells, since the images are the limit."""
    compared = _compared(estimates, placement, baselines)
    return estimates.share_of_images(placement, compared[0]) if compared else 0.0


def _compared(estimates: Estimates, placement: Placement, baselines: Sequence[Placement]) -> list[Placement]:
    """Return what a front point is compared with: the plain backbone, and the best baseline that costs no more."""
    plain = [mark for mark in baselines if mark.is_plain and mark in estimates.position and mark != placement]
    best = estimates.best_no_dearer(placement, baselines)
    return list(dict.fromkeys([*plain, *([] if best is None else [best])]))


def _doubt(probability: float) -> float:
    return 4 * probability * (1 - probability)


def _raise(doubts: dict[Placement, float], placement: Placement, doubt: float) -> None:
    doubts[placement] = max(doubts.get(placement, 0.0), doubt)
