"""The base of samplers that propose whole placements: all parameters of a trial together."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from seplace.errors import UnknownName
from seplace.samplers.parameters import Parameters

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from seplace.samplers.batch import Batch
    from seplace.samplers.task import Task


class JointSampler(BaseSampler):
    """A sampler that proposes one placement at a time, as Optuna's interface asks for it."""

    batch: Batch | None = None
    """The batch of the proposal, where a search sets it: what costs time may be computed once for all of the batch."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = Parameters(task.space)

    @abstractmethod
    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return the values of all parameters of the space for a trial."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return all parameters."""
        return self.parameters.distributions

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - always that of the space
    ) -> dict[str, Any]:
        """Return the proposal."""
        return self.propose(study, trial)

    def sample_independent(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """Refuse (UnknownName) a parameter that is not a stage of the space: the sampler models placements alone."""
        raise UnknownName(f"parameter of space {self.task.space.name}", param_name, self.parameters.distributions)
