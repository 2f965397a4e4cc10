"""Thompson sampling with a Bayesian model of the effects of each stage's choice, over the exactly priced space.

A draw from the model's posterior is one plausible world. The proposal is the placement that would, in that world, add
most to the front which the model recommends so far (by hypervolume); if that placement was trained before, its proposal
is a further seed of it. Thompson, 1933; for several objectives: Bradford et al., 2018.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from seplace.effects.model import Observation, Posterior
from seplace.effects.recommend import recommended_front, valued
from seplace.effects.region import Region, added_volume
from seplace.errors import InputError
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import ACCURACY, REPEATED, SEED

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from seplace.placement import Placement
    from seplace.samplers.task import Task

_WORLDS = 8
"""So many draws may show nothing to gain before a placement is taken at random."""


@dataclass(frozen=True, kw_only=True)
class _Past:
    """What a study says so far."""

    observations: list[Observation]
    costs: dict[Placement, float]
    failed: set[int]
    closed: set[int]
    """Members that cannot be trained again: failed, or without a seed left."""


def make(seed: int, task: Task) -> BaseSampler:
    """Return the sampler of effects."""
    return EffectsSampler(task, seed=seed)


class EffectsSampler(BaseSampler):
    """Proposes placements for a study with the directions (maximise accuracy in percent, minimise the task's cost).

    It needs nothing but the study: the parameters of `Parameters(space)`, and the values. Where a trial's user
    attributes tell the seed and the accuracy of its own training, these are taken, so that paired seeds count as such.
    A trial with a violated constraint failed: its placement is not proposed again.
    """

    def __init__(self, task: Task, *, seed: int) -> None:
        self.task = task
        self.parameters = Parameters(task.space)
        self.seed = seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return all parameters: they are proposed together."""
        return self.parameters.distributions

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the parameters of the placement that is worth most to know better."""
        if study.directions != [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]:
            raise InputError("sampler effects: the study must maximise accuracy and minimise a cost, in this order")
        random = np.random.default_rng([self.seed, trial.number])
        past = self._past(study, trial)
        region = self.task.region_by(past.costs)
        chosen = self._best(past, region, random) if past.observations else None
        return self.parameters.of(self._at_random(past, region, random) if chosen is None else chosen)

    def sample_independent(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """Refuse: the space has no parameter beyond its own."""
        raise KeyError(f"{param_name} is no parameter of space {self.task.space.name}")

    def _past(self, study: Study, trial: FrozenTrial) -> _Past:
        observations: list[Observation] = []
        costs: dict[Placement, float] = {}
        spent: Counter[Placement] = Counter()
        failed: set[Placement] = set()
        for past in study.get_trials(deepcopy=False):
            if past.number == trial.number or not past.params or past.user_attrs.get(REPEATED):
                continue
            placement = self.parameters.placement(past.params)
            if past.state in (TrialState.COMPLETE, TrialState.RUNNING):
                spent[placement] += 1
            if past.state is not TrialState.COMPLETE:
                continue
            costs[placement] = past.values[1]
            if max(past.constraints.values(), default=-1.0) > 0:
                failed.add(placement)
            else:
                accuracy, seed = past.user_attrs.get(ACCURACY, past.values[0]), past.user_attrs.get(SEED)
                observations.append(Observation(placement=placement, seed=seed, accuracy=accuracy))
        spent_up = {placement for placement, count in spent.items() if count >= self.task.seeds}
        space = self.task.space
        closed = {space.index(placement) for placement in failed | spent_up if placement in space}
        return _Past(
            observations=observations,
            costs=costs,
            failed={space.index(placement) for placement in failed if placement in space},
            closed=closed,
        )

    def _best(self, past: _Past, region: Region, random: np.random.Generator) -> Placement | None:
        """Return what adds most in one plausible world; None where nothing does in any of several."""
        posterior = Posterior(self.task.design, past.observations, draws=1, random=random)
        recommended = recommended_front(posterior, region, closed=past.failed)
        for _ in range(_WORLDS):
            world = posterior.sample()
            front = region.front(world, closed=past.closed, random=random)
            if not len(front):
                return None
            lowest = float(world.observed().min())
            gains = added_volume(front, valued(recommended, world), reference=(lowest, region.highest_cost))
            if gains.max() > 0:
                return self.task.space.placement_at(int(region.indices(front.levels[[gains.argmax()]])[0]))
        return None

    def _at_random(self, past: _Past, region: Region, random: np.random.Generator) -> Placement:
        """Return a random member that keeps the budgets and has a seed left, if one is soon found."""
        space = self.task.space
        for _ in range(1000):
            index = int(random.integers(len(space)))
            levels = np.array(np.unravel_index([index], region.shape)).T
            if index not in past.closed and region.keeps_limits(levels)[0]:
                break
        return space.placement_at(index)
