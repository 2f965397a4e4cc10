"""A copy of the Optuna study in a SQLite file that `optuna.load_study` and dashboards open.

The file is only appended to: notes and attributes of its users stay, and open dashboards go on. The result of a
proposal may change later, when a failed training is repeated or a stopped one goes on. A new trial then holds the new
result, with the user attribute `proposal`, and the study's attribute `superseded` maps the old trial's number to the
new one's.
"""

from __future__ import annotations

import copy
import sqlite3
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from seplace.files.atomic import DiskFull
from seplace.files.former_words import rename_trials
from seplace.search.proposals import PLACEMENT, name_metrics

PROPOSAL = "proposal"
"""The user attribute of a trial whose number differs from that of its proposal."""

SUPERSEDED = "superseded"
"""The study's user attribute that maps the numbers of outdated trials to those of their replacements."""

_Content = tuple[dict[str, Any], list[float] | None, bool]


class OptunaFile:
    """Appends the finished trials of a study in memory to the file, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._study: optuna.Study | None = None
        self._present: dict[int, tuple[int, _Content]] = {}
        """By proposal: the number of its last trial in the file, and the content of that trial."""
        self._checked = 0

    def update(self, study: optuna.Study) -> None:
        """Append the finished trials that the file lacks. Raises DiskFull if they cannot be written."""
        trials = study.get_trials(deepcopy=False)
        finished = trials[: next((t.number for t in trials if not t.state.is_finished()), len(trials))]
        try:
            if self._study is None:
                self._study = self._opened(study)
            for trial in finished[self._checked :]:
                number, content = self._present.get(trial.number, (None, None))
                if content != _content(trial):
                    self._append(self._study, trial, instead_of=number)
            self._checked = len(finished)
        except (SQLAlchemyError, StorageInternalError, sqlite3.OperationalError) as error:
            raise DiskFull(f"{self.path}: cannot write the Optuna study ({_reason(error)})") from error

    def _append(self, study: optuna.Study, trial: FrozenTrial, *, instead_of: int | None) -> None:
        number = len(study.get_trials(deepcopy=False))
        if number != trial.number:
            trial = copy.copy(trial)
            trial.user_attrs = {**trial.user_attrs, PROPOSAL: trial.number}
        study.add_trial(trial)
        if instead_of is not None:
            study.set_user_attr(SUPERSEDED, {**study.user_attrs.get(SUPERSEDED, {}), str(instead_of): number})

    def _opened(self, study: optuna.Study) -> optuna.Study:
        try:
            return self._open(study)
        except Exception as error:
            of_the_disk = OperationalError | sqlite3.OperationalError | DiskFull
            if isinstance(error, of_the_disk) or isinstance(error.__cause__, of_the_disk):
                raise  # the file is busy, or the disk is full: nothing is wrong with its content
            aside = next(
                path for n in range(10**6) if not (path := self.path.with_suffix(f".damaged{n or ''}.db")).exists()
            )
            self.path.rename(aside)
            warnings.warn(
                f"{self.path}: cannot be read ({_reason(error)}); it is kept as {aside.name}, and written again",
                stacklevel=2,
            )
            return self._open(study)

    def _open(self, study: optuna.Study) -> optuna.Study:
        if self.path.exists():
            rename_trials(self.path)
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.path.absolute()}", engine_kwargs={"connect_args": {"timeout": 120}}
        )
        filed = optuna.create_study(
            study_name=study.study_name,
            storage=storage,
            sampler=optuna.samplers.RandomSampler(),
            directions=study.directions,
            load_if_exists=True,
        )
        if filed.metric_names is None:
            name_metrics(filed, study.metric_names or [])
        own = [trial for trial in filed.get_trials(deepcopy=False) if PLACEMENT in trial.user_attrs]
        self._present = {trial.user_attrs.get(PROPOSAL, trial.number): (trial.number, _content(trial)) for trial in own}
        return filed


def _content(trial: FrozenTrial) -> _Content:
    return trial.params, trial.values, max(trial.constraints.values(), default=-1.0) > 0


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error).splitlines()[0]
