"""Thompson sampling with a Bayesian model of the effects of each stage's choice, over the exactly priced space.

A draw from the model's posterior is one plausible world. The proposal is the placement that would, in that world, add
most (by hypervolume) to what the model thinks is the front of those that were trained. If it was trained before, and
thought to lie off that front, the proposal is a further seed of it. Thompson, 1933; for several objectives: Bradford
et al., 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from seplace.effects.model import Posterior
from seplace.effects.recommend import trained_front, valued
from seplace.effects.region import Region, added_volume
from seplace.errors import InputError
from seplace.samplers.past import Past, past_of
from seplace.samplers.whole import WholeSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import Placement
    from seplace.samplers.task import Task

_WORLDS = 8
"""So many draws may show nothing to gain before a placement is taken at random."""


def make(seed: int, task: Task) -> BaseSampler:
    """Return the sampler of effects."""
    return EffectsSampler(task, seed=seed)


class EffectsSampler(WholeSampler):
    """Proposes placements for a study with the directions (maximise accuracy in percent, minimise the task's cost).

    It needs nothing but the study: the parameters of `Parameters(space)`, and the values. Where a trial's user
    attributes tell the seed and the accuracy of its own training, these are taken, so that paired seeds count as such.
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
        chosen = self._best(past, region, random) if past.observations else None
        return self.parameters.of(self._at_random(past, region, random) if chosen is None else chosen)

    def _best(self, past: Past, region: Region, random: np.random.Generator) -> Placement | None:
        """Return what adds most in one plausible world; None where nothing does in any of several."""
        posterior = Posterior(self.task.design, past.observations, draws=1, random=random)
        trained = trained_front(posterior, region, closed=past.failed)
        for _ in range(_WORLDS):
            world = posterior.sample()
            front = region.front(world, closed=past.closed, random=random)
            if not len(front):
                return None
            lowest = float(world.observed().min())
            gains = added_volume(front, valued(trained, world), reference=(lowest, region.highest_cost))
            if gains.max() > 0:
                return self.task.space.placement_at(int(region.indices(front.levels[[gains.argmax()]])[0]))
        return None

    def _at_random(self, past: Past, region: Region, random: np.random.Generator) -> Placement:
        """Return a random member that keeps the budgets and has a seed left, if one is soon found."""
        space = self.task.space
        index = region.any_open(past.closed, random)
        return space.placement_at(int(random.integers(len(space))) if index is None else index)
