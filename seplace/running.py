"""Running a study to its end, or on from where it was interrupted."""

from __future__ import annotations

import warnings
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
    """Where a run takes place, instead of where its study says; None leaves the study's word."""

    executor: str | None = None
    workers: int | None = None
    threads: int | None = None
    accelerator: str | None = None
    data_root: Path | None = None
    """Where the data lies."""

    def apply(self, config: StudyConfig) -> StudyConfig:
        """Return the study with this `run` block; it means the same study."""
        given = {key: value for key, value in vars(self).items() if value is not None and key != "data_root"}
        changed: dict[str, Any] = {"run": _run_of(config.run.model_dump() | given)}
        if self.data_root is not None:
            changed["data"] = config.data.model_copy(update={"root": str(self.data_root.absolute())})
        return replace(config, file=config.file.model_copy(update=changed))


def _run_of(values: dict[str, Any]) -> RunSection:
    """Return a `run` block; InputError (UnknownName for a name) for what its study file could not say either."""
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
    observer: Observer | None = None,
    retry_failed: bool = False,
) -> Results:
    """Run a study (a file, or the name of a shipped one) to its end, or go on with it; return its results.

    Results go to `folder`, by default `results/<name of the study>`. Without an observer a progress bar is shown.
    Trainings that the machine has failed in an earlier run are made again, with `retry_failed` all that failed.
    """
    from seplace.search.driver import run_study

    with signals_as_errors():  # from the first line to the last table
        config = (overrides or Overrides()).apply(load_study(study))
        target = Path(folder) if folder is not None else Path("results") / config.name
        try:
            if observer is not None:
                run_study(config, target, observer=observer, retry_failed=retry_failed)
            else:
                from seplace.report.images import tell_images
                from seplace.report.progress import progress_bar

                with progress_bar() as show:
                    run_study(config, target, observer=show, retry_failed=retry_failed, on_images=tell_images)
        except (StudyBusy, StudyChanged):
            raise  # what is there is another's
        except (Exception, Interrupted) as error:
            _write_what_there_is(target, error)
            raise
        results = Results.load(target)
        results.write()
    return results


def _write_what_there_is(folder: Path, cause: BaseException) -> None:
    """Write the tables of a run that ended early, the figures if it has time for them; never an error of its own."""
    try:
        results = Results.load(folder)
        if results.rows:
            results.write(figures=not isinstance(cause, Interrupted))
    except Interrupted:
        return  # nobody waits for tables who has asked twice
    except DataError:
        return  # the run ended before it had begun
    except Exception as error:
        if isinstance(cause, DiskFull) and isinstance(error, DiskFull):
            return  # as the cause says
        reason = error if isinstance(error, SeplaceError) else describe_error(error)
        warnings.warn(f"{folder}: the tables could not be written: {reason}", stacklevel=2)
