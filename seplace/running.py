"""Run a study to its end, or resume it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.api import Results
from seplace.errors import DataError, Interrupted, SeplaceError, StudyBusy, StudyChanged, UnwritableFolder
from seplace.files.atomic import DiskFull
from seplace.overrides import Overrides
from seplace.search.interruption import signals_as_errors
from seplace.study.config import load_study
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from seplace.search.progress import Observer


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
    with warnings.catch_warnings():
        # In a notebook Optuna's own progress bar, which is not used, misses widgets.
        warnings.filterwarnings("ignore", message="IProgress not found")
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
