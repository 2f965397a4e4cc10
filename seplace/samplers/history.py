"""What a study says so far, as the model of effects reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from seplace.effects.model import Observation
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import ACCURACY, CROSS_ENTROPY, REPEATED, SEED, STOPPED

if TYPE_CHECKING:
    from optuna import Study

    from seplace.placement import Placement
    from seplace.samplers.task import Task


@dataclass(frozen=True, kw_only=True)
class History:
    """The results of a study, in the order of its trials."""

    observations: list[Observation]
    stopped: list[Observation]
    """What trainings that stopped early, and have not gone on, are expected to show at their ends.

    On their own seed, whose kindness is in the trainings from which it was expected. Not as sure as an observation, and
    drawn towards the mean: good enough to propose by, so that the worst are not proposed again, and for nothing else.
    """
    running: list[Placement]
    """Candidates of the space that are being trained."""
    costs: dict[Placement, float]
    failed: set[int]
    """Candidates of the space (by index) that cannot be trained."""
    closed: set[int]
    """Candidates that are not to be proposed: failed, or without a seed left, those that are running counted in."""


def history_of(study: Study, task: Task, *, before: int) -> History:
    """Read the trials of a study before a number."""
    parameters, space = Parameters(task.space), task.space
    observations: list[Observation] = []
    stopped: dict[Placement, Observation] = {}
    costs: dict[Placement, float] = {}
    running: list[Placement] = []
    spent: Counter[Placement] = Counter()
    failed: set[Placement] = set()
    for trial in study.get_trials(deepcopy=False):
        # Optuna stores the parameters of another worker's trial one by one.
        if trial.number >= before or not trial.params.keys() >= parameters.distributions.keys():
            continue
        placement = parameters.placement(trial.params)
        is_complete = trial.state is TrialState.COMPLETE
        has_failed = is_complete and max(trial.constraints.values(), default=-1.0) > 0
        if has_failed:
            failed.add(placement)
        if trial.user_attrs.get(REPEATED):
            continue
        if STOPPED in trial.user_attrs:  # it spends no seed: proposed again, it goes on
            costs[placement] = trial.values[1]
            stopped[placement] = Observation(placement=placement, seed=trial.user_attrs[SEED], accuracy=trial.values[0])
            continue
        if trial.state is TrialState.RUNNING:
            running.append(placement)
        if is_complete or trial.state is TrialState.RUNNING:
            spent[placement] += 1
        if not is_complete:
            continue
        costs[placement] = trial.values[1]
        if ACCURACY in trial.user_attrs or not has_failed:
            observations.append(
                Observation(
                    placement=placement,
                    seed=trial.user_attrs.get(SEED),
                    accuracy=trial.user_attrs.get(ACCURACY, trial.values[0]),
                    cross_entropy=trial.user_attrs.get(CROSS_ENTROPY),
                )
            )
    trained = {each.placement for each in observations}
    spent_up = {placement for placement, count in spent.items() if count >= task.seeds}
    return History(
        observations=observations,
        stopped=[each for placement, each in stopped.items() if placement not in trained],
        running=[placement for placement in dict.fromkeys(running) if placement in space],
        costs=costs,
        failed={space.index(placement) for placement in failed if placement in space},
        closed={space.index(placement) for placement in failed | spent_up if placement in space},
    )
