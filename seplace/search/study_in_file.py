"""A study in Optuna's SQLite file: opened, or made, and only appended to."""

from __future__ import annotations

import functools
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import StorageInternalError

from seplace.errors import CorruptResults
from seplace.files.atomic import DiskFull
from seplace.files.former_words import rename_trials
from seplace.search.optuna_rows import Row, append, study_of
from seplace.search.proposals import name_metrics, trial_of

if TYPE_CHECKING:
    from optuna.study import StudyDirection

    from seplace.samplers.parameters import Parameters
    from seplace.search.finished_trial import FinishedTrial

T = TypeVar("T")

PROPOSAL = "proposal"
"""The user attribute of a trial whose number differs from that of its proposal."""

SUPERSEDED = "superseded"
"""The study's user attribute that maps the numbers of outdated trials to those of their replacements."""

SECONDS = 2.0
"""The least time between two transactions, so that their number does not grow with that of trainings."""

_BUSY_SECONDS = 120.0


class StudyInFile:
    """One of the studies in a file."""

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        directions: Sequence[StudyDirection | Literal["minimize", "maximize"]],
        metrics: list[str],
    ) -> None:
        self.path = path
        self.name = name
        self.directions = directions
        self.metrics = metrics
        self._study: int | None = None
        """Optuna's number of it; None where the file has a schema that we do not know."""

    def opened(self, read: Callable[[sqlite3.Connection, int], T], read_study: Callable[[optuna.Study], T]) -> T:
        """Open the study, or make it, and return what is read of it; a file that cannot be read is put aside."""
        try:
            return self._open(read, read_study)
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
            return self._open(read, read_study)

    def _open(self, read: Callable[[sqlite3.Connection, int], T], read_study: Callable[[optuna.Study], T]) -> T:
        if self.path.exists():
            _refuse_programs(self.path)
            rename_trials(self.path)
        self._study = self._found()
        if self._study is None:
            study = self._load()
            if study.metric_names is None:
                name_metrics(study, self.metrics)
            self._study = self._found()
            if self._study is None:
                return read_study(study)
        with closing(connected(self.path)) as connection:
            return read(connection, self._study)

    def add(self, trials: Sequence[tuple[FinishedTrial, int | None, int | None]], parameters: Parameters) -> None:
        """Append finished trials, each with the number of its proposal, and of the trial that it replaces."""
        if not trials:
            return
        rows = []
        for trial, proposal, last in trials:
            values = parameters.of(trial.placement)
            params = {
                name: (distribution.to_internal_repr(values[name]), _json_of(distribution))
                for name, distribution in parameters.distributions.items()
            }
            rows.append(Row(trial=trial, proposal=proposal, params=params, instead_of=last))
        if self._study is None:
            self._add_by_optuna(rows, parameters)
            return
        with closing(connected(self.path)) as connection:
            append(connection, self._study, rows, proposal_key=PROPOSAL, superseded_key=SUPERSEDED)

    def _add_by_optuna(self, rows: Sequence[Row], parameters: Parameters) -> None:
        """Append to a file whose schema is another than we know."""
        study = self._load()
        number = len(study.get_trials(deepcopy=False))
        for row in rows:
            trial = trial_of(row.trial, parameters)
            if row.proposal not in (None, number):
                trial.set_user_attr(PROPOSAL, row.proposal)
            study.add_trial(trial)
            if row.instead_of is not None:
                study.set_user_attr(SUPERSEDED, {**study.user_attrs.get(SUPERSEDED, {}), str(row.instead_of): number})
            number += 1

    def _found(self) -> int | None:
        if not self.path.exists():
            return None
        with closing(connected(self.path)) as connection:
            return study_of(connection, self.name)

    def _load(self) -> optuna.Study:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.path.absolute()}", engine_kwargs={"connect_args": {"timeout": _BUSY_SECONDS}}
        )
        return optuna.create_study(
            study_name=self.name,
            storage=storage,
            sampler=optuna.samplers.RandomSampler(),
            directions=list(self.directions),
            load_if_exists=True,
        )


def connected(path: Path) -> sqlite3.Connection:
    """Open a file of Optuna."""
    return sqlite3.connect(path, timeout=_BUSY_SECONDS)


@contextmanager
def errors_of_disk(path: Path) -> Iterator[None]:
    """Raise DiskFull, with its file, for errors of a database."""
    try:
        yield
    except Exception as error:
        if not _is_of_a_database(error):
            raise
        raise DiskFull(f"{path}: cannot write the Optuna study ({_reason(error)})") from error


def _refuse_programs(path: Path) -> None:
    """Raise CorruptResults where SQLite would compute something in the file, as Optuna never makes it do."""
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchone()
    if found is not None:
        raise CorruptResults(f"it has a {found[0]}, {found[1]!r}")


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
