"""The results of an Optuna study so far, as the model of effects reads them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from seplace.effects.model import Observation
from seplace.metric import ACCURACY
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import CROSS_ENTROPY, REPEATED, SCORE, SEED, STOPPED

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import Placement
    from seplace.samplers.task import Task


@dataclass(frozen=True, kw_only=True)
class History:
    """The results of a study, in the order of its trials."""

    observations: list[Observation]
    stopped: list[Observation]
    """Predicted final scores of trainings that stopped early and have not gone on, each on its own seed.

    They are less certain than observations and shrunk towards the mean. They keep the worst placements from being
    proposed again, and are used for nothing else.
    """
    running: list[Placement]
    """The candidates in training."""
    costs: dict[Placement, float]
    """The second value of the latest finished trial of each placement."""
    failed: set[int]
    """The candidates, by index, that cannot be trained."""
    closed: set[int]
    """The candidates, by index, that must not be proposed: failed, or without a seed left, counting running trials."""
    spent: Counter[Placement]
    """The number of seeds that each placement has spent, counting running trials."""

    def with_running(self, placements: Sequence[Placement], task: Task) -> History:
        """Return the same history with further trials that run."""
        spent = self.spent + Counter(placements)
        closed = {each for each in placements if spent[each] >= task.seeds and each in task.space}
        return replace(
            self,
            running=list(dict.fromkeys([*self.running, *(each for each in placements if each in task.space)])),
            closed=self.closed | {task.space.index(each) for each in closed},
            spent=spent,
        )


def history_of(study: Study, task: Task, *, before: int, unfinished: Container[int] = ()) -> History:
    """Return the history of a study from its trials before a number, `unfinished` ones taken as running."""
    return history_in(study.get_trials(deepcopy=False), task, before=before, unfinished=unfinished)


def history_in(trials: Iterable[FrozenTrial], task: Task, *, before: int, unfinished: Container[int] = ()) -> History:
    """Return the history of some trials of a study, those before a number, `unfinished` ones taken as running."""
    parameters, space = Parameters(task.space), task.space
    observations: list[Observation] = []
    stopped: dict[Placement, Observation] = {}
    costs: dict[Placement, float] = {}
    running: list[Placement] = []
    spent: Counter[Placement] = Counter()
    failed: set[Placement] = set()
    for trial in trials:
        # Optuna stores the parameters of another worker's trial one by one.
        if trial.number >= before or not trial.params.keys() >= parameters.distributions.keys():
            continue
        placement = parameters.placement(trial.params)
        if trial.number in unfinished:
            running.append(placement)
            spent[placement] += 1
            continue
        is_complete = trial.state is TrialState.COMPLETE
        # Nothing is learned from a value that is infinite; Optuna itself fails trials whose value is NaN.
        is_finite = all(map(math.isfinite, trial.values or ()))
        has_failed = is_complete and (max(trial.constraints.values(), default=-1.0) > 0 or not is_finite)
        if has_failed:
            failed.add(placement)
        if trial.user_attrs.get(REPEATED):
            continue
        if STOPPED in trial.user_attrs:  # it spends no seed: proposed again, it goes on
            costs[placement] = trial.values[1]
            stopped[placement] = Observation(placement=placement, seed=trial.user_attrs[SEED], score=trial.values[0])
            continue
        if trial.state is TrialState.RUNNING:
            running.append(placement)
        if is_complete or trial.state is TrialState.RUNNING:
            spent[placement] += 1
        if not is_complete:
            continue
        costs[placement] = trial.values[1]
        own = trial.user_attrs.get(SCORE, trial.user_attrs.get(ACCURACY.column))  # the latter in files of studies
        if own is not None or not has_failed:
            observations.append(
                Observation(
                    placement=placement,
                    seed=trial.user_attrs.get(SEED),
                    score=trial.values[0] if own is None else own,
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
        spent=spent,
    )
