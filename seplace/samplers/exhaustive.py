"""Every placement of the space in a seeded order, again and again: for tabular benchmarks of whole spaces.

Where a study lists placements, these are proposed instead, in the order of the list, again and again.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from seplace.samplers.joint import JointSampler
from seplace.seeds import derive_seed

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - a proposal follows from its number
    """Return the exhaustive sampler."""
    return ExhaustiveSampler(task)


class ExhaustiveSampler(JointSampler):
    """A sampler that proposes the placement at the position of the trial's number in a seeded order."""

    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:  # noqa: ARG002 - the number says all
        """Return the parameters of the next placement in the order."""
        space, listed = self.task.space, self.task.listed
        if listed:
            return self.parameters.of(listed[trial.number % len(listed)])
        order = _order(self.task.seed, len(space))
        return self.parameters.of(space.placement_at(int(order[trial.number % len(space)])))


@functools.lru_cache(maxsize=2)
def _order(seed: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(derive_seed(seed, "exhaustive")).permutation(count)
