"""Proposals: an Optuna study in memory, with ask and tell in a fixed order.

The ledger is the truth; the study is a view of it. The k-th proposal has a seed of its own and is made after a fixed
number of earlier ones was told, in whatever order they finished. An interrupted study is therefore rebuilt by asking
again: recorded proposals are returned, and the ledger has their results.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from seplace.errors import UserCodeError
from seplace.samplers import SAMPLERS
from seplace.samplers.batch import Batches
from seplace.samplers.history import History, history_in
from seplace.samplers.joint import JointSampler
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import CROSS_ENTROPY, REPEATED, SCORE, SEED, STOPPED, Task
from seplace.score_unit import ScoreUnit
from seplace.search.finished_trial import CONSTRAINT, FinishedTrial
from seplace.seeds import derive_seed
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.effects.model import Observation
    from seplace.placement import Placement

PLACEMENT = "placement"
"""The user attribute of every trial of seplace."""

BASELINE = "baseline"
"""The user attribute of a trial that was not proposed: the name of the baseline."""

_ASKED_AT_MOST = 100
"""The most trials in a study that no sampler reads, before another takes its place."""

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


class Proposals:
    """Placements that a sampler proposes, numbered from 0; the score is maximized, the cost minimized.

    A constraint is satisfied if it is at most 0. Every result has the same constraints, as the GP sampler requires.
    """

    def __init__(self, task: Task, *, sampler: str, name: str, workers: int) -> None:
        """Take a task, a sampler, the study's name, and the number of trainings that run at once."""
        self.task = task
        self.batches = Batches(workers=workers)
        self.sampler = sampler
        self.make_sampler = SAMPLERS[sampler]
        self.parameters = Parameters(task.space)
        self.name = name
        self.metrics = ["score", task.cost]
        self.reads_study = SAMPLERS.entry(sampler).reads_study
        self.study = self._new_study()
        """The study that the sampler reads; without results if it reads none."""
        self.asked: dict[int, _Asked] = {}
        self.finished: list[FinishedTrial | None] = []
        """The finished proposals by number, and what was known before; None for those that are not finished."""
        self.began = datetime.now(UTC)
        self.unit: ScoreUnit | None = None
        """What the sampler sees scores in; that of the first score that is not 0, which it is then told."""
        self.least: float | None = None
        """The least score that was told."""

    @property
    def next_number(self) -> int:
        """The number of the next proposal."""
        return len(self.finished)

    def add_known(
        self,
        training: Observation,
        *,
        cost: float,
        constraints: Mapping[str, float],
        label: str,
        times: tuple[datetime, datetime] | None = None,
    ) -> None:
        """Add a result that was not proposed, such as that of a baseline, before the first proposal."""
        attributes = {PLACEMENT: str(training.placement), BASELINE: label, **_attributes(training)}
        started, ended = times or (datetime.now(UTC),) * 2
        finished = FinishedTrial(
            placement=training.placement,
            values=(training.score, cost),
            attributes=attributes,
            system_attributes=_named(constraints),
            started=started,
            ended=ended,
        )
        self._set_unit(training.score)
        if self.reads_study:
            self.study.add_trial(trial_of(self._counted(finished), self.parameters))
        self.finished.append(None)
        self._note(self.next_number - 1, finished)

    def ask(self, fixed: Placement | None) -> tuple[int, Placement]:
        """Return the number and the placement of the next proposal: the sampler's, or `fixed` if it is given."""
        number, started = self.next_number, datetime.now(UTC)
        trial = None
        if fixed is None or self.reads_study:
            trial = self._asked(number, fixed)
            placement = self.parameters.placement(trial.params)
        else:
            placement = fixed
        if self.reads_study and trial is not None:
            trial.set_user_attr(PLACEMENT, str(placement))
        else:
            trial = None
        self.asked[number] = _Asked(placement=placement, started=started, trial=trial)
        self.finished.append(None)
        return number, placement

    def set_times(self, number: int, started: datetime, ended: datetime) -> None:
        """Set when the training of a proposal began and ended: else these are when it was proposed and told."""
        self.asked[number] = replace(self.asked[number], started=started, ended=ended)

    def take(self, placement: Placement) -> int:
        """Take a proposal of an earlier run that no sampler must hear of; return its number."""
        assert not self.reads_study
        number = len(self.finished)
        self.asked[number] = _Asked(placement=placement, started=self.began, trial=None)
        self.finished.append(None)
        return number

    def _asked(self, number: int, fixed: Placement | None) -> optuna.Trial:
        with user_errors_if(SAMPLERS.is_external(self.sampler), f"sampler {self.sampler} fails"):
            sampler = self.make_sampler(derive_seed(self.task.seed, "proposal", number) % 2**32, self.task)
            if not isinstance(sampler, optuna.samplers.BaseSampler):
                raise UserCodeError(f"sampler {self.sampler} gives an Optuna sampler (got {sampler!r})")
            if isinstance(sampler, JointSampler):
                batch = self.batches.of(number, unfinished=self.asked)
                if batch.size > 1:
                    sampler.batch = batch
            if not self.reads_study and number % _ASKED_AT_MOST == 0:
                self.study = self._new_study()
            self.study.sampler = sampler if fixed is None else _Overruled(sampler, self.parameters.of(fixed))
            return self.study.ask(self.parameters.distributions)

    def _new_study(self) -> optuna.Study:
        study = optuna.create_study(
            study_name=self.name, directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler()
        )
        name_metrics(study, self.metrics)
        return study

    def tell(
        self,
        number: int,
        *,
        score: float,
        cost: float,
        constraints: Mapping[str, float],
        training: Observation | None,
        baseline: str | None = None,
    ) -> None:
        """Tell the result of a proposal: the mean score of the placement, and the training that the proposal caused.

        Without a training, earlier trainings answered the proposal. A `baseline` was not proposed and has a name.
        """
        attributes: dict[str, Any] = {REPEATED: True} if training is None else _attributes(training)
        if baseline is not None:
            attributes[BASELINE] = baseline
        self._tell(number, (score, cost), constraints=constraints, attributes=attributes)

    def tell_stopped(
        self, number: int, *, score: float, cost: float, constraints: Mapping[str, float], seed: int, epochs: int
    ) -> None:
        """Tell the score that a training stopped after `epochs` is expected to reach at its end.

        The trial is not pruned, since samplers for several objectives do not support it; and the score at a rung
        would not compare with those of complete trainings.
        """
        attributes = {SEED: seed, STOPPED: epochs}
        self._tell(number, (score, cost), constraints=constraints, attributes=attributes)

    def tell_failed(self, number: int) -> None:
        """Tell that a proposal failed for a reason that says nothing about the placement."""
        self._tell(number, None, constraints={}, attributes={})

    def _tell(
        self,
        number: int,
        values: tuple[float, float] | None,
        *,
        constraints: Mapping[str, float],
        attributes: Mapping[str, Any],
    ) -> None:
        asked = self.asked.pop(number)
        finished = FinishedTrial(
            placement=asked.placement,
            values=values,
            attributes={PLACEMENT: str(asked.placement), **attributes},
            system_attributes=_named(constraints),
            started=asked.started,
            ended=asked.ended or datetime.now(UTC),
        )
        if values is not None:
            self._set_unit(values[0])
        if asked.trial is not None:
            told = self._counted(finished)
            for name, value in constraints.items():
                asked.trial.set_constraint(name, value)
            for name in attributes:
                asked.trial.set_user_attr(name, told.attributes[name])
            state = TrialState.FAIL if values is None else None
            trial = self.study.tell(asked.trial, told.values, state=state, skip_if_finished=True)
            finished = replace(
                finished,
                attributes={**trial.user_attrs, **finished.attributes},
                system_attributes=trial.system_attrs,
            )
        self._note(number, finished)

    def _set_unit(self, score: float) -> None:
        if self.unit is None and (score != 0 or self.task.metric.is_accuracy):
            self.unit = ScoreUnit.of(self.task.metric, [score])

    def _counted(self, finished: FinishedTrial) -> FinishedTrial:
        """Return a finished proposal as the sampler sees it, with its scores in the sampler's unit."""
        if self.unit is None or finished.values is None:
            return finished
        score, *others = finished.values
        own = finished.attributes
        if own.get(SCORE) is not None:
            own = {**own, SCORE: self.unit.count(own[SCORE])}
        return replace(finished, values=(self.unit.count(score), *others), attributes=own)

    def _note(self, number: int, finished: FinishedTrial) -> None:
        self.finished[number] = finished
        if finished.values is not None:
            self.least = finished.values[0] if self.least is None else min(self.least, finished.values[0])

    @property
    def history(self) -> History:
        """The results so far, as the sampler sees them: scores are counted in `unit`."""
        trials = (
            self.study.get_trials(deepcopy=False)
            if self.reads_study
            else (
                trial_of(self._counted(each), self.parameters, number)
                for number, each in enumerate(self.finished)
                if each is not None
            )
        )
        return history_in(trials, self.task, before=self.next_number)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A proposal that is not finished."""

    placement: Placement
    started: datetime
    trial: optuna.Trial | None
    """None if the sampler reads no study."""
    ended: datetime | None = None
    """When its training ended; None where that is not known."""


class _Overruled(optuna.samplers.BaseSampler):
    """A sampler whose proposal is replaced by a given one.

    The sampler runs all the same, since it may store in the study what it needs later, unless it is one of ours, which
    store nothing. Optuna's enqueued trials do not reach the sampler: a resumed NSGA-II would lose its generations.
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
        if isinstance(self.sampler, JointSampler):
            return dict(self.params)
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


def trial_of(finished: FinishedTrial, parameters: Parameters, number: int = -1) -> FrozenTrial:
    """Return a finished proposal as a trial of Optuna."""
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=_state_of(finished),
        value=None,
        values=finished.values,
        datetime_start=_local(finished.started),
        datetime_complete=_local(finished.ended),
        params=parameters.of(finished.placement),
        distributions=parameters.distributions,
        user_attrs=dict(finished.attributes),
        system_attrs=dict(finished.system_attributes),
        intermediate_values=dict(finished.curve),
    )


def _state_of(finished: FinishedTrial) -> TrialState:
    if finished.values is None:
        return TrialState.FAIL
    return TrialState.PRUNED if finished.is_pruned else TrialState.COMPLETE


def _local(moment: datetime) -> datetime:
    return moment.astimezone().replace(tzinfo=None)  # as Optuna has it


def _named(constraints: Mapping[str, float]) -> dict[str, float]:
    return {f"{CONSTRAINT}{name}": value for name, value in constraints.items()}


def _attributes(training: Observation) -> dict[str, Any]:
    return {SEED: training.seed, SCORE: training.score, CROSS_ENTROPY: training.cross_entropy}


def name_metrics(study: optuna.Study, names: list[str]) -> None:
    """Name the values of a study's trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(names)
