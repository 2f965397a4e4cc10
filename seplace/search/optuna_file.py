"""A copy of the Optuna study in a SQLite file that `optuna.load_study` and dashboards open.

The file is only appended to: notes and attributes of its users stay, and open dashboards go on. The result of a
proposal may change later, when a failed training is repeated or a stopped one goes on. A new trial then holds the new
result, with the user attribute `proposal`, and the study's attribute `superseded` maps the old trial's number to the
new one's.

During a run the file may be some seconds behind the ledger. At its end it holds every proposal, also when it was
interrupted; what a killed run could not write, the next one writes.
"""

from __future__ import annotations

import functools
import sqlite3
import time
import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import StorageInternalError

from seplace.errors import CorruptResults
from seplace.files.atomic import DiskFull
from seplace.files.former_words import rename_trials
from seplace.search.optuna_rows import Content, Row, append, content_of, present_in, study_of
from seplace.search.proposals import PLACEMENT, name_metrics, trial_of

if TYPE_CHECKING:
    from seplace.search.finished_trial import FinishedTrial
    from seplace.search.proposals import Proposals

PROPOSAL = "proposal"
"""The user attribute of a trial whose number differs from that of its proposal."""

SUPERSEDED = "superseded"
"""The study's user attribute that maps the numbers of outdated trials to those of their replacements."""

_SECONDS = 2.0
"""The least time between two transactions, so that their number does not grow with that of trainings."""

_BUSY_SECONDS = 120.0


class OptunaFile:
    """Appends the finished proposals to the file, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._study: int | None = None
        self._present: dict[int, tuple[int, Content]] | None = None
        """By proposal: the number of its last trial in the file, and the content of that trial. None before it is read.

        An entry is taken out once it has been compared.
        """
        self._checked = 0
        self._due = time.monotonic() + _SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time for another transaction."""
        return time.monotonic() >= self._due

    def update(self, proposals: Proposals) -> None:
        """Append the finished proposals that the file lacks. Raises DiskFull if they cannot be written."""
        news: list[FinishedTrial] = []
        for each in proposals.finished[self._checked :]:
            if each is None:
                break
            news.append(each)
        try:
            if self._present is None:
                self._present = self._opened(proposals)
            self._append(proposals, news, self._present)
        except Exception as error:
            if not _is_of_a_database(error):
                raise
            raise DiskFull(f"{self.path}: cannot write the Optuna study ({_reason(error)})") from error
        self._checked += len(news)
        self._due = time.monotonic() + _SECONDS

    def _append(
        self, proposals: Proposals, news: Sequence[FinishedTrial], present: dict[int, tuple[int, Content]]
    ) -> None:
        rows = []
        for number, each in enumerate(news, start=self._checked):
            last, content = present.pop(number, (None, None))
            if content != content_of(each):
                values = proposals.parameters.of(each.placement)
                params = {
                    name: (distribution.to_internal_repr(values[name]), _json_of(distribution))
                    for name, distribution in proposals.parameters.distributions.items()
                }
                rows.append(Row(trial=each, proposal=number, params=params, instead_of=last))
        if not rows:
            return
        if self._study is None:
            self._append_by_optuna(proposals, rows)
            return
        with closing(self._connection()) as connection:
            append(connection, self._study, rows, proposal_key=PROPOSAL, superseded_key=SUPERSEDED)

    def _append_by_optuna(self, proposals: Proposals, rows: Sequence[Row]) -> None:
        """Append to a file whose schema is another than we know."""
        study = self._load(proposals)
        number = len(study.get_trials(deepcopy=False))
        for row in rows:
            trial = trial_of(row.trial, proposals.parameters)
            if number != row.proposal:
                trial.set_user_attr(PROPOSAL, row.proposal)
            study.add_trial(trial)
            if row.instead_of is not None:
                study.set_user_attr(SUPERSEDED, {**study.user_attrs.get(SUPERSEDED, {}), str(row.instead_of): number})
            number += 1

    def _opened(self, proposals: Proposals) -> dict[int, tuple[int, Content]]:
        try:
            return self._open(proposals)
        except Exception as error:
            if _is_of_the_disk(error) or _is_of_the_disk(error.__cause__):
                raise  # the file is busy, or the disk is full: nothing is wrong with its content
            aside = next(
                path for n in range(10**6) if not (path := self.path.with_suffix(f".damaged{n or ''}.db")).exists()
            )
            self.path.rename(aside)
            warnings.warn(
                f"{self.path}: cannot be read ({_reason(error)}); it is kept as {aside.name}, and written again",
                stacklevel=2,
            )
            return self._open(proposals)

    def _open(self, proposals: Proposals) -> dict[int, tuple[int, Content]]:
        if self.path.exists():
            _refuse_programs(self.path)
            rename_trials(self.path)
        self._study = self._found(proposals)
        if self._study is None:
            study = self._load(proposals)
            if study.metric_names is None:
                name_metrics(study, proposals.metrics)
            self._study = self._found(proposals)
            if self._study is None:
                return _present_by_optuna(study)
        with closing(self._connection()) as connection:
            return present_in(connection, self._study)

    def _found(self, proposals: Proposals) -> int | None:
        if not self.path.exists():
            return None
        with closing(self._connection()) as connection:
            return study_of(connection, proposals.name)

    def _load(self, proposals: Proposals) -> optuna.Study:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.path.absolute()}", engine_kwargs={"connect_args": {"timeout": _BUSY_SECONDS}}
        )
        return optuna.create_study(
            study_name=proposals.name,
            storage=storage,
            sampler=optuna.samplers.RandomSampler(),
            directions=proposals.study.directions,
            load_if_exists=True,
        )

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_SECONDS)


def _refuse_programs(path: Path) -> None:
    """Raise CorruptResults where SQLite would compute something in the file, as Optuna never makes it do."""
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchone()
    if found is not None:
        raise CorruptResults(f"it has a {found[0]}, {found[1]!r}")


def _present_by_optuna(study: optuna.Study) -> dict[int, tuple[int, Content]]:
    return {
        trial.user_attrs.get(PROPOSAL, trial.number): (
            trial.number,
            (
                trial.user_attrs[PLACEMENT],
                None if trial.values is None else tuple(trial.values),
                max(trial.constraints.values(), default=-1.0) > 0,
            ),
        )
        for trial in study.get_trials(deepcopy=False)
        if PLACEMENT in trial.user_attrs
    }


@functools.cache
def _json_of(distribution: BaseDistribution) -> str:
    return str(distribution_to_json(distribution))


def _is_of_a_database(error: Exception) -> bool:
    from sqlalchemy.exc import SQLAlchemyError  # needed here alone, and takes a tenth of the time to resume a study

    return isinstance(error, SQLAlchemyError | StorageInternalError | sqlite3.OperationalError)


def _is_of_the_disk(error: BaseException | None) -> bool:
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OperationalError | sqlite3.OperationalError | DiskFull)


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error).splitlines()[0]
