"""Run a study to its end, or resume it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from seplace.api import Results
from seplace.errors import (
    DataError,
    InputError,
    Interrupted,
    SeplaceError,
    StudyBusy,
    StudyChanged,
    UnknownName,
    UnwritableFolder,
)
from seplace.executors import EXECUTORS
from seplace.files.atomic import DiskFull
from seplace.files.schema import rules_of
from seplace.search.interruption import signals_as_errors
from seplace.study.config import StudyConfig, load_study
from seplace.study.study_file import RunSection
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from seplace.search.progress import Observer


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Where and how a run takes place, instead of what its study says; None keeps the value of the study.

    Overrides never change results, and a study may be resumed with others.

    >>> import seplace
    >>> four_at_once = seplace.Overrides(executor="processes", workers=4, threads=1)
    >>> seplace.run("digits-quickstart", overrides=four_at_once)  # doctest: +SKIP
    """

    executor: str | None = None
    """`inline` trains in this process, `processes` in worker processes, `ray` on the machines of a Ray cluster."""
    address: str | None = None
    """The address of the Ray cluster."""
    workers: int | str | None = None
    """The number of concurrent trainings, or `auto`: as many as a short measurement shows to pay."""
    threads: int | None = None
    """The number of torch threads of one training."""
    accelerator: str | None = None
    """`cpu`, `gpu` or `auto`."""
    data_root: str | Path | None = None
    """The folder of the data."""

    def apply(self, config: StudyConfig) -> StudyConfig:
        """Return the same study with this `run` block; raises InputError for a value that a study could not have."""
        given = {key: value for key, value in vars(self).items() if value is not None and key != "data_root"}
        changed: dict[str, Any] = {"run": _run_of(config.run.model_dump() | given)}
        if self.data_root is not None:
            changed["data"] = config.data.model_copy(update={"root": str(Path(self.data_root).absolute())})
        return replace(config, file=config.file.model_copy(update=changed))


def _run_of(values: dict[str, Any]) -> RunSection:
    """Return a `run` block; raises InputError, or UnknownName for a name, as reading a study file does."""
    for key, known in (
        ("executor", EXECUTORS),
        ("accelerator", get_args(RunSection.model_fields["accelerator"].annotation)),
    ):
        if values[key] not in known:
            raise UnknownName(key, str(values[key]), known)
    try:
        return RunSection.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(rules_of(error))) from error


def run(
    study: str | Path,
    *,
    folder: str | Path | None = None,
    overrides: Overrides | None = None,
    settings: Sequence[str] = (),
    observer: Observer | None = None,
    retry_failed: bool = False,
) -> Results:
    """Run a study to its end, or resume an interrupted one, and return its results.

    A run that is interrupted and resumed gives the same results as one that is not.

    >>> import seplace
    >>> results = seplace.run("digits-quickstart")  # some minutes on two cores  # doctest: +SKIP
    >>> results.front  # doctest: +SKIP

    Args:
        study: A study file (YAML), or the name of a shipped study.
        folder: The folder of the results; None takes `results/<name of the study>` in the current folder.
        overrides: Where and how the run takes place, instead of what the study says.
        settings: Values of the study instead of those in its file, such as `["training.epochs=5"]`. It is another study
            then, which needs a folder of its own.
        observer: A function that is called with each `Progress`; None shows a progress bar.
        retry_failed: Whether to repeat all failed trainings, not only those that the machine failed.

    Raises:
        InvalidStudy: The study or its space breaks a rule; each problem is one line with its place in the file.
        StudyChanged: The folder holds the results of another study.
        StudyBusy: Another process is running the study.
        DataError: Data are missing or damaged.
        TooManyFailures: Trainings fail one after another.

    """
    from seplace.search.run_study import run_study

    with signals_as_errors():  # from the first line to the last table
        config = (overrides or Overrides()).apply(load_study(study, settings=settings))
        target = Path(folder) if folder is not None else Path("results") / config.name
        try:
            if observer is not None:
                run_study(config, target, observer=observer, retry_failed=retry_failed)
            else:
                from seplace.report.images import tell, tell_images
                from seplace.report.progress import progress_bar

                with progress_bar() as show:
                    run_study(
                        config, target, observer=show, retry_failed=retry_failed, on_images=tell_images, on_workers=tell
                    )
        except (StudyBusy, StudyChanged, UnwritableFolder):
            raise  # the results there are not of this run
        except (Exception, Interrupted) as error:
            _write_partial_results(target, error)
            raise
        results = Results.load(target)
        results.write()
    return results


def _write_partial_results(folder: Path, cause: BaseException) -> None:
    """Write the tables of a run that ended early, and the figures unless it was interrupted; raise no new error."""
    try:
        results = Results.load(folder)
        if results.rows:
            results.write(figures=not isinstance(cause, Interrupted))
    except Interrupted:
        return  # a second signal: do not make the user wait for tables
    except DataError:
        return  # the run ended before its first training
    except Exception as error:
        if str(error) == str(cause) or (isinstance(cause, DiskFull) and isinstance(error, DiskFull)):
            return  # the cause says the same
        reason = error if isinstance(error, SeplaceError) else describe_error(error)
        warnings.warn(f"{folder}: the tables could not be written: {reason}", stacklevel=2)
