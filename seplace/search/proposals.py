"""Proposals: an Optuna study in memory, with ask and tell in a fixed order.

The ledger is the truth; the study is a view of it. The k-th proposal has a seed of its own and is made after a fixed
number of earlier ones was told, in whatever order they finished. An interrupted study is therefore rebuilt by asking
again: recorded proposals are returned, and the ledger has their results.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from seplace.errors import UserCodeError
from seplace.samplers import SAMPLERS
from seplace.samplers.batch import Batches
from seplace.samplers.history import History, history_of
from seplace.samplers.joint import JointSampler
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import ACCURACY, CROSS_ENTROPY, REPEATED, SEED, STOPPED, Task
from seplace.seeds import derive_seed
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.effects.model import Observation
    from seplace.placement import Placement

PLACEMENT = "placement"
"""The user attribute of every trial of seplace."""

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


class Proposals:
    """Placements that a sampler proposes, numbered from 0; accuracy is maximized, the cost minimized.

    A constraint is satisfied if it is at most 0. Every result has the same constraints, as the GP sampler requires.
    """

    def __init__(self, task: Task, *, sampler: str, name: str, workers: int) -> None:
        """Take a task, a sampler, the study's name, and the number of trainings that run at once."""
        self.task = task
        self.batches = Batches(workers=workers)
        self.sampler = sampler
        self.make_sampler = SAMPLERS[sampler]
        self.parameters = Parameters(task.space)
        self.study = optuna.create_study(study_name=name, directions=["maximize", "minimize"])
        name_metrics(self.study, ["accuracy", task.cost])
        self.asked: dict[int, optuna.Trial] = {}

    @property
    def next_number(self) -> int:
        """The number of the next proposal."""
        return len(self.study.get_trials(deepcopy=False))

    def add_known(self, training: Observation, *, cost: float, constraints: Mapping[str, float], label: str) -> None:
        """Add a result that was not proposed, such as that of a baseline, before the first proposal."""
        known = create_trial(
            values=[training.accuracy, cost],
            params=self.parameters.of(training.placement),
            distributions=self.parameters.distributions,
            user_attrs={PLACEMENT: str(training.placement), "baseline": label, **_attributes(training)},
        )
        for name, value in constraints.items():
            known.set_constraint(name, value)
        self.study.add_trial(known)

    def ask(self, fixed: Placement | None) -> tuple[int, Placement]:
        """Return the number and the placement of the next proposal: the sampler's, or `fixed` if it is given."""
        number = self.next_number
        batch = self.batches.of(number, unfinished=self.asked)
        with user_errors_if(SAMPLERS.is_external(self.sampler), f"sampler {self.sampler} fails"):
            sampler = self.make_sampler(derive_seed(self.task.seed, "proposal", number) % 2**32, self.task)
            if not isinstance(sampler, optuna.samplers.BaseSampler):
                raise UserCodeError(f"sampler {self.sampler} gives an Optuna sampler (got {sampler!r})")
            if isinstance(sampler, JointSampler) and batch.size > 1:
                sampler.batch = batch
            self.study.sampler = sampler if fixed is None else _Overruled(sampler, self.parameters.of(fixed))
            trial = self.study.ask(self.parameters.distributions)
        placement = self.parameters.placement(trial.params)
        trial.set_user_attr(PLACEMENT, str(placement))
        self.asked[number] = trial
        return number, placement

    def tell(
        self,
        number: int,
        *,
        accuracy: float,
        cost: float,
        constraints: Mapping[str, float],
        training: Observation | None,
    ) -> None:
        """Tell the result of a proposal: the mean accuracy of the placement, and the training that the proposal caused.

        Without a training, earlier trainings answered the proposal.
        """
        trial = self.asked.pop(number)
        for name, value in constraints.items():
            trial.set_constraint(name, value)
        if training is None:
            trial.set_user_attr(REPEATED, True)
        else:
            for name, value in _attributes(training).items():
                trial.set_user_attr(name, value)
        self.study.tell(trial, [accuracy, cost], skip_if_finished=True)

    def tell_stopped(
        self, number: int, *, accuracy: float, cost: float, constraints: Mapping[str, float], seed: int, epochs: int
    ) -> None:
        """Tell the accuracy that a training stopped after `epochs` is expected to reach at its end.

        The trial is not pruned, since samplers for several objectives do not support it; and the accuracy at a rung
        would not compare with those of complete trainings.
        """
        trial = self.asked.pop(number)
        for name, value in constraints.items():
            trial.set_constraint(name, value)
        trial.set_user_attr(SEED, seed)
        trial.set_user_attr(STOPPED, epochs)
        self.study.tell(trial, [accuracy, cost], skip_if_finished=True)

    @property
    def history(self) -> History:
        """The results so far."""
        return history_of(self.study, self.task, before=self.next_number)

    def tell_failed(self, number: int) -> None:
        """Tell that a proposal failed for a reason that says nothing about the placement."""
        self.study.tell(self.asked.pop(number), state=TrialState.FAIL, skip_if_finished=True)


class _Overruled(optuna.samplers.BaseSampler):
    """A sampler whose proposal is replaced by a given one.

    The sampler runs all the same, since it may store in the study what it needs later. Optuna's enqueued trials do not
    reach the sampler: a resumed NSGA-II would lose its generations.
    """

    def __init__(self, sampler: optuna.samplers.BaseSampler, params: dict[str, str]) -> None:
        self.sampler = sampler
        self.params = params

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        proposed = self.sampler.sample_relative(study, trial, search_space)
        return {name: self.params[name] for name in proposed}

    def sample_independent(
        self,
        study: optuna.Study,  # noqa: ARG002 - nothing is drawn
        trial: FrozenTrial,  # noqa: ARG002
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> str:
        return self.params[param_name]

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self.sampler.after_trial(study, trial, state, values)


def _attributes(training: Observation) -> dict[str, Any]:
    return {SEED: training.seed, ACCURACY: training.accuracy, CROSS_ENTROPY: training.cross_entropy}


def name_metrics(study: optuna.Study, names: list[str]) -> None:
    """Name the values of a study's trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(names)
