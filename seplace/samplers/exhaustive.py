"""Every placement of the space in turn, in a seeded order, and then all of them again: for tables of whole spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler

from seplace.samplers.parameters import Parameters
from seplace.streams import derive_seed

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - a proposal follows from its number
    """Return the sampler that leaves nothing out."""
    return ExhaustiveSampler(task)


class ExhaustiveSampler(BaseSampler):
    """Proposes the placement that a trial's number stands for."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = Parameters(task.space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return all parameters: they are proposed together."""
        return self.parameters.distributions

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the parameters of the next placement in the order."""
        space = self.task.space
        order = np.random.default_rng(derive_seed(self.task.seed, "exhaustive")).permutation(len(space))
        return self.parameters.of(space.placement_at(int(order[trial.number % len(space)])))

    def sample_independent(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """Refuse: the space has no parameter beyond its own."""
        raise KeyError(f"{param_name} is no parameter of space {self.task.space.name}")
