"""A Bayesian model of the effects of each stage's choice, asked over the exactly priced space what to train next.

A draw from the model's posterior is one plausible world. Proposals take turns. One is the placement that, on average
over several such worlds, would add most (by hypervolume) to what the model thinks is the front of those that were
trained. The next is the one on the fronts of such worlds whose training would tell most about which of these fronts is
the true one. A placement that was trained before is proposed for a further seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from seplace.effects.acquisition import most_improving
from seplace.effects.denoised import sharpened
from seplace.effects.information import most_telling
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels, Region
from seplace.effects.recommend import trained_front
from seplace.errors import InputError
from seplace.samplers.history import Past, past_of
from seplace.samplers.joint import WholeSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import Placement
    from seplace.samplers.task import Task

_WORLDS = 8
"""So many plausible worlds are asked; where nothing gains anything in any of them, a placement is taken at random."""

_SCALES = 8
"""Sets of scales from which the worlds are drawn that are asked for a gain: a training is not spent on one guess."""


def make(seed: int, task: Task) -> BaseSampler:
    """Return the sampler of effects."""
    return EffectsSampler(task, seed=seed)


class EffectsSampler(WholeSampler):
    """Proposes placements for a study with the directions (maximise accuracy in percent, minimise the task's cost).

    It needs nothing but the study: the parameters of `Parameters(space)`, and the values. Where a trial's user
    attributes tell the seed and the accuracy of its own training, these are taken, so that paired seeds count as such;
    where they tell its cross-entropy too, what that says of the accuracy.
    A trial with a violated constraint failed: its placement is not proposed again.
    """

    def __init__(self, task: Task, *, seed: int) -> None:
        super().__init__(task)
        self.seed = seed

    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters of the placement that is worth most to know better."""
        if study.directions != [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]:
            raise InputError("sampler effects: the study must maximise accuracy and minimise a cost, in this order")
        random = np.random.default_rng([self.seed, trial.number])
        past = past_of(study, self.task, before=trial.number)
        region = self.task.region_by(past.costs)
        chosen = self._chosen(past, region, random, tells=trial.number % 2 == 1) if past.observations else None
        return self.parameters.of(self._at_random(past, region, random) if chosen is None else chosen)

    def _chosen(self, past: Past, region: Region, random: np.random.Generator, *, tells: bool) -> Placement | None:
        """Return what tells most, or what is expected to add most; None where nothing does."""
        observations = [*sharpened(self.task.design, past.observations), *past.stopped]
        posterior = Posterior(self.task.design, observations, draws=1 if tells else _SCALES, random=random)
        index = None
        if tells:
            index = most_telling(
                posterior, region, running=past.running, failed=past.failed, closed=past.closed, worlds=_WORLDS
            )
        if index is None:
            trained = self._trained(past, posterior, region)
            index = most_improving(posterior, region, trained=trained, closed=past.closed, worlds=_WORLDS)
        return None if index is None else self.task.space.placement_at(index)

    def _trained(self, past: Past, posterior: Posterior, region: Region) -> Levels:
        """Return the levels of what the model thinks is the front of what was trained, and of what is being trained."""
        # What was stopped may turn out to belong there: proposed again, it is trained to its end.
        unfinished = {self.task.space.index(each.placement) for each in past.stopped}
        front = trained_front(posterior, region, closed=past.failed | unfinished)
        return np.concatenate([front.levels, self.task.design.levels(past.running)])

    def _at_random(self, past: Past, region: Region, random: np.random.Generator) -> Placement:
        """Return a random member that keeps the budgets and has a seed left, if one is soon found."""
        space = self.task.space
        index = region.any_open(past.closed, random)
        return space.placement_at(int(random.integers(len(space))) if index is None else index)
