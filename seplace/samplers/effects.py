"""A Bayesian model of the effects of each stage's choice, asked over the exactly priced space what to train next.

A draw from the model's posterior is one posterior samples. Proposals take turns. One is the placement that, on average
over several posterior samples, would add most hypervolume to the front of the trained placements. The next is the one
on the fronts of these posterior samples whose training would tell most about which of these fronts is
the true one. A placement that was trained before is proposed for a further seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from seplace.effects.acquisition import most_improving
from seplace.effects.denoised import denoised
from seplace.effects.information import most_telling
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels, PricedSpace
from seplace.effects.recommend import trained_front
from seplace.errors import InputError
from seplace.samplers.history import History, history_of
from seplace.samplers.joint import JointSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import Placement
    from seplace.samplers.task import Task

_SAMPLES = 8
"""So many posterior samples are asked; where nothing gains anything in any of them, a placement is taken at random."""

_SCALES = 8
"""Sets of scales that the posterior samples of an acquisition are drawn with: a training is not spent on one guess."""


def make(seed: int, task: Task) -> BaseSampler:
    """Return the sampler of effects."""
    return EffectsSampler(task, seed=seed)


class EffectsSampler(JointSampler):
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
        history = history_of(study, self.task, before=trial.number)
        priced_space = self.task.priced_space_by(history.costs)
        chosen = (
            self._chosen(history, priced_space, random, tells=trial.number % 2 == 1) if history.observations else None
        )
        return self.parameters.of(self._at_random(history, priced_space, random) if chosen is None else chosen)

    def _chosen(
        self, history: History, priced_space: PricedSpace, random: np.random.Generator, *, tells: bool
    ) -> Placement | None:
        """Return what tells most, or what is expected to add most; None where nothing does."""
        observations = [*denoised(self.task.design, history.observations), *history.stopped]
        posterior = Posterior(self.task.design, observations, draws=1 if tells else _SCALES, random=random)
        index = None
        if tells:
            index = most_telling(
                posterior,
                priced_space,
                running=history.running,
                failed=history.failed,
                closed=history.closed,
                samples=_SAMPLES,
            )
        if index is None:
            trained = self._trained(history, posterior, priced_space)
            index = most_improving(posterior, priced_space, trained=trained, closed=history.closed, samples=_SAMPLES)
        return None if index is None else self.task.space.placement_at(index)

    def _trained(self, history: History, posterior: Posterior, priced_space: PricedSpace) -> Levels:
        """Return the levels of what the model thinks is the front of what was trained, and of what is being trained."""
        # What was stopped may turn out to belong there: proposed again, it is trained to its end.
        unfinished = {self.task.space.index(each.placement) for each in history.stopped}
        front = trained_front(posterior, priced_space, closed=history.failed | unfinished)
        return np.concatenate([front.levels, self.task.design.levels(history.running)])

    def _at_random(self, history: History, priced_space: PricedSpace, random: np.random.Generator) -> Placement:
        """Return a random candidate that keeps the budgets and has a seed left, if one is soon found."""
        space = self.task.space
        index = priced_space.any_open(history.closed, random)
        return space.placement_at(int(random.integers(len(space))) if index is None else index)
