"""Bayesian optimisation with Gaussian processes and expected hypervolume improvement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler, GPSampler
from threadpoolctl import threadpool_limits

from seplace.samplers.history import history_of
from seplace.samplers.parameters import Parameters

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:
    """Return Optuna's GP sampler, restricted to placements that have a seed left."""
    return _OpenGPSampler(task, seed=seed)


class _OpenGPSampler(GPSampler):
    """Optuna's GP sampler; where its proposal has no seed left, a random candidate that has one takes its place.

    Without this the sampler would mostly repeat its proposal, each time with a larger matrix to factor.
    """

    def __init__(self, task: Task, *, seed: int) -> None:
        super().__init__(seed=seed)
        self.task = task
        self.parameters = Parameters(task.space)
        self.seed = seed

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the proposal: empty until Optuna has enough trials for a model."""
        # On small matrices threads wait for one another, most of all on cores that are training.
        with threadpool_limits(limits=1):
            chosen = super().sample_relative(study, trial, search_space)
        if not chosen:
            return chosen
        space, history = self.task.space, history_of(study, self.task, before=trial.number)
        # Optuna leaves out parameters with a single value, which every candidate has.
        placement = self.parameters.placement(self.parameters.of(space.placement_at(0)) | chosen)
        if space.index(placement) not in history.closed:
            return chosen
        random = np.random.default_rng([self.seed, trial.number])
        index = self.task.priced_space_by(history.costs).any_open(history.closed, random)
        if index is None:
            return chosen
        values = self.parameters.of(space.placement_at(index))
        return {name: values[name] for name in chosen}
