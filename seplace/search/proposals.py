"""Proposals: an Optuna study in memory that is asked and told in a fixed order.

The ledger is the truth; the study is a view of it. The k-th proposal is made from a seed of its own when a fixed number
of earlier ones has been told, whatever finished first, so a study that was interrupted is rebuilt by asking again:
recorded proposals are given back, and the ledger answers for what was trained.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from seplace.samplers import SAMPLERS
from seplace.samplers.history import History, history_of
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import ACCURACY, CROSS_ENTROPY, REPEATED, SEED, STOPPED, Task
from seplace.seeds import derive_seed
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.effects.model import Observation
    from seplace.placement import Placement

PLACEMENT = "placement"
"""The user attribute of every trial of ours."""

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


class Proposals:
    """Placements proposed by a sampler, numbered from 0; accuracy is maximised, the cost minimised.

    Constraints are kept where they are at most 0. Every result names the same ones: the GP sampler insists on it.
    """

    def __init__(self, task: Task, *, sampler: str, name: str) -> None:
        self.task = task
        self.sampler = sampler
        self.make_sampler = SAMPLERS[sampler]
        self.parameters = Parameters(task.space)
        self.study = optuna.create_study(study_name=name, directions=["maximize", "minimize"])
        name_metrics(self.study, ["accuracy", task.cost])
        self.asked: dict[int, optuna.Trial] = {}

    @property
    def next_number(self) -> int:
        """The number that the next proposal will have."""
        return len(self.study.get_trials(deepcopy=False))

    def add_known(self, training: Observation, *, cost: float, constraints: Mapping[str, float], label: str) -> None:
        """Tell a result that was not proposed, such as a baseline's, before the first proposal."""
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
        """Return the number and the placement of the next proposal: the sampler's, or `fixed` if one is given."""
        number = self.next_number
        with user_errors_if(SAMPLERS.is_external(self.sampler), f"sampler {self.sampler} fails"):
            sampler = self.make_sampler(derive_seed(self.task.seed, "proposal", number) % 2**32, self.task)
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
        """Tell the result of a proposal: the placement's mean accuracy, and the training that it led to.

        Without a training it was answered from earlier ones.
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
        """Tell of a training that was stopped after so many epochs the accuracy that it is expected to have at its end.

        Neither pruned, which samplers for several objectives do not know, nor an accuracy that no other compares with.
        """
        trial = self.asked.pop(number)
        for name, value in constraints.items():
            trial.set_constraint(name, value)
        trial.set_user_attr(SEED, seed)
        trial.set_user_attr(STOPPED, epochs)
        self.study.tell(trial, [accuracy, cost], skip_if_finished=True)

    @property
    def history(self) -> History:
        """What has been told so far."""
        return history_of(self.study, self.task, before=self.next_number)

    def tell_failed(self, number: int) -> None:
        """Tell that the machine failed a proposal, which says nothing about the placement."""
        self.study.tell(self.asked.pop(number), state=TrialState.FAIL, skip_if_finished=True)


class _Overruled(optuna.samplers.BaseSampler):
    """A sampler that is asked, so that it notes in the study what it needs later on, and then given its answer.

    Optuna's enqueued trials do not reach the sampler at all: a resumed NSGA-II would have lost its generations.
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
