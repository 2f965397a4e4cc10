"""Every training of a study as a second study in Optuna's file, with its learning curve and its true times.

The study of the search has two objectives, and one trial a proposal: Optuna refuses intermediate values there, and a
proposal may be answered by several trainings, or by none. This one, `<name>/trainings`, has the metric alone, and one
trial for each training of the search, the baselines and the confirmation, and for those that were added later. A
training that was stopped at a rung is pruned, and one that failed has failed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seplace.results.curves import curve_points
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import CROSS_ENTROPY, SEED
from seplace.search.finished_trial import FinishedTrial
from seplace.search.optuna_rows import TRAINING, trainings_in
from seplace.search.proposals import BASELINE, PLACEMENT
from seplace.search.study_in_file import SECONDS, StudyInFile, errors_of_disk

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation
    from seplace.samplers.task import Task
    from seplace.search.trainings import Trainings

_STATES = {"complete": "COMPLETE", "failed": "FAIL"}
"""Optuna's states of evaluations."""

_Last = tuple[int, str, int]
"""Of a training: the number of its last trial in the file, its state, and its epochs."""


class OptunaTrainings:
    """Appends the trainings that the file lacks."""

    def __init__(self, path: Path, *, name: str, task: Task, baselines: Mapping[str, Placement]) -> None:
        """Take the file, the name of the study, its task and its baselines."""
        self.path = path
        self.cost = task.cost
        self.labels = {placement: label for label, placement in baselines.items()}
        self.parameters = Parameters(task.space, beside=baselines.values())
        self.file = StudyInFile(
            path, name=f"{name}/trainings", directions=[task.metric.goal], metrics=[task.metric.column]
        )
        self._before: dict[tuple[str, int], _Last] | None = None
        """The trainings that the file had, by placement and seed; None before it is read."""
        self._due = time.monotonic() + SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time for another transaction."""
        return time.monotonic() >= self._due

    def update(self, trainings: Trainings, *, is_end: bool = False) -> None:
        """Append what has been committed; at the end of a run the trainings that stopped at a rung too.

        Raises DiskFull if they cannot be written.
        """
        with errors_of_disk(self.path):
            rows = [row for row in trainings.unwritten if row.epochs == trainings.length]
            if self._before is None:
                before = _by_training(self.file.opened(trainings_in, _trainings_by_optuna))
                rows = _lacking(trainings, before)
                self._before = before
            if is_end:
                rows += [row for row in trainings.stopped if not self._is_there(row)]
            trials = [(self._trial(row, trainings), None, self._number_of(row)) for row in rows]
            self.file.add(trials, self.parameters)
        trainings.unwritten.clear()
        self._due = time.monotonic() + SECONDS

    def _is_there(self, row: Evaluation) -> bool:
        last = (self._before or {}).get(row.key[:2])
        return last is not None and last[2] >= row.epochs

    def _number_of(self, row: Evaluation) -> int | None:
        last = (self._before or {}).get(row.key[:2])
        return None if last is None else last[0]

    def _trial(self, row: Evaluation, trainings: Trainings) -> FinishedTrial:
        now = datetime.now(UTC)
        started, ended = trainings.times(row) or (now, now)
        curve = {int(point["epoch"] or 0): point for point in curve_points(row)}
        attributes: dict[str, Any] = {
            TRAINING: " ".join(map(str, row.key)),
            PLACEMENT: str(row.placement),
            SEED: row.seed,
            CROSS_ENTROPY: row.cross_entropy,
            self.cost: row.costs.get(self.cost),
        }
        for name in ("cross_entropy", "train_loss"):
            if row.curve:
                attributes[f"{name}_curve"] = {epoch: point.get(name) for epoch, point in curve.items()}
        if row.placement in self.labels:
            attributes[BASELINE] = self.labels[row.placement]
        if row.state == "failed":
            attributes |= {"reason": row.reason, "message": row.message}
        return FinishedTrial(
            placement=row.placement,
            values=None if row.value is None else (row.value,),
            attributes=attributes,
            system_attributes={},
            started=started,
            ended=ended,
            is_pruned=row.epochs != trainings.length,
            curve={epoch: value for epoch, point in curve.items() if (value := point.get("value")) is not None},
        )


def _by_training(present: Mapping[str, tuple[int, str]]) -> dict[tuple[str, int], _Last]:
    known = {}
    for key, (number, state) in present.items():
        placement, seed, epochs = key.rsplit(" ", 2)
        known[placement, int(seed)] = (number, state, int(epochs))
    return known


def _lacking(trainings: Trainings, before: Mapping[tuple[str, int], _Last]) -> list[Evaluation]:
    """Return the trainings of full length that the file lacks, or has another state of."""
    states = {key: "FAIL" if key in trainings.failed_keys else "COMPLETE" for key in trainings.results}
    states |= {key: _STATES[row.state] for key, row in trainings.added.items()}
    lacking = [key for key, state in states.items() if before.get(key[:2], (0, "", 0))[1:] != (state, key[2])]
    return [trainings.added[key] if key in trainings.added else trainings.results[key] for key in lacking]


def _trainings_by_optuna(study: optuna.Study) -> dict[str, tuple[int, str]]:
    return {
        trial.user_attrs[TRAINING]: (trial.number, trial.state.name)
        for trial in study.get_trials(deepcopy=False)
        if TRAINING in trial.user_attrs
    }
