"""Confirmation: which trainings would decide most about the front, its members' gains, and the yardsticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seplace.effects.estimates import Judgement
from seplace.results.evaluation import Job, judge
from seplace.search.recommendation import recommended

if TYPE_CHECKING:
    from seplace.effects.priced_space import Region
    from seplace.placement import Placement
    from seplace.search.trainings import Trainings

ROUND = 4
"""So many trainings are chosen at a time, whatever the number of workers: a study must not depend on it."""

_MEMBERS = 8
"""So many members of the recommended front are confirmed at most."""

_DECIDED = 0.1
"""Below this nothing is undecided enough to be trained for: 1 is a probability of one half, 0 certainty."""


_NEGLIGIBLE = 0.05
"""An accuracy that is known to so many points (standard deviation) needs no more trainings, ties included."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A placement, and how much one more training of it would decide."""

    placement: Placement
    worth: float


def next_round(trainings: Trainings, region: Region, *, yardsticks: Sequence[Placement], seeds: int) -> list[Job]:
    """Return the next trainings, each beside that of none on the same seed; empty when nothing is undecided.

    A placement gets at most `seeds` seeds, in their order.
    """
    results = trainings.results
    rows, cost = list(results.values()), trainings.config.objective.cost
    judgement = judge(region.design, rows, cost, is_front_of_space=trainings.is_front_of_space)
    plain = next((mark for mark in yardsticks if mark.is_plain), None)
    jobs: list[Job] = []
    promising = recommended(judgement, region, results.values())[:_MEMBERS]
    for question in _questions(judgement, promising, yardsticks):
        wanted = [trainings.job(question.placement, seed) for seed in range(seeds)]
        job = next((each for each in wanted if each.key not in results), None)
        if job is None:
            continue
        paired = [job] if plain is None else [trainings.job(plain, job.seed), job]
        jobs += [each for each in paired if each.key not in results and each not in jobs]
        if len(jobs) >= ROUND:
            break
    return jobs[:ROUND]


def _questions(
    judgement: Judgement, recommended: Sequence[Placement], yardsticks: Sequence[Placement]
) -> list[_Question]:
    """Return what is undecided, the most rewarding first."""
    doubts = dict.fromkeys([each for each in recommended if each not in judgement.position], 1.0)
    members = [placement for placement in recommended if placement in judgement.position]
    for placement in judgement.placements:
        if placement in judgement.beside:
            continue
        on_front = judgement.front_probabilities[placement]
        if placement in members or placement in judgement.front or on_front > _DECIDED:
            _raise(doubts, placement, _doubt(on_front))
    for placement in dict.fromkeys([*members, *judgement.front]):
        for other in _compared(judgement, placement, yardsticks):
            doubt = _doubt(judgement.is_better(placement, other))
            _raise(doubts, placement, doubt)
            _raise(doubts, other, doubt)
    noise = judgement.posterior.noise_sd**2
    # What all placements share, such as how kind their seeds were, decides nothing.
    relative = judgement.accuracies - judgement.accuracies.mean(axis=1, keepdims=True)
    questions = []
    for placement, doubt in doubts.items():
        at = judgement.position.get(placement)
        # Of a placement that was not trained next to all is still to be learned.
        variance = noise if at is None else float(np.var(relative[:, at]))
        learned = np.sqrt(variance / (variance + noise))
        if doubt >= _DECIDED and (at is None or variance > _NEGLIGIBLE**2):
            questions.append(_Question(placement=placement, worth=float(doubt * learned)))
    return sorted(questions, key=lambda each: (-each.worth, str(each.placement)))


def _compared(judgement: Judgement, placement: Placement, yardsticks: Sequence[Placement]) -> list[Placement]:
    """Return what a member of the front is judged by: none, and the best yardstick that costs no more."""
    plain = [mark for mark in yardsticks if mark.is_plain and mark in judgement.position and mark != placement]
    best = judgement.best_no_dearer(placement, yardsticks)
    return list(dict.fromkeys([*plain, *([] if best is None else [best])]))


def _doubt(probability: float) -> float:
    return 4 * probability * (1 - probability)


def _raise(doubts: dict[Placement, float], placement: Placement, doubt: float) -> None:
    doubts[placement] = max(doubts.get(placement, 0.0), doubt)
