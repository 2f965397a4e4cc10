"""A study run in its results folder: its meaning is checked and recorded, and its search is driven to the end."""

from __future__ import annotations

import functools
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.costs import cost_named
from seplace.errors import SeplaceError
from seplace.evaluators.identity import counted_code
from seplace.executors.executor import EvaluatorMaker, Known
from seplace.executors.ray_timing import ClusterTimer
from seplace.files.atomic import DiskFull, make_folder, remove_unfinished
from seplace.placement import Placement, StageChoice
from seplace.results.ledger import Ledger
from seplace.search.cost_table import PlacementCosts, kept_cost_table
from seplace.search.curve_logs import CurveLogs
from seplace.search.driver import Driver
from seplace.search.execution import make_executor, with_number_of_workers
from seplace.search.interruption import signals_as_errors
from seplace.search.limits import check_limits
from seplace.search.lock import study_lock
from seplace.search.meaning import (
    claim,
    describe_parts,
    learning_of,
    own_baselines,
    refuse_changes,
    refuse_other_learning,
    sentence_of,
    warn_of_a_smaller_budget,
)
from seplace.search.of_study import budget_of, failure_rules_of, scoring_of, task_of
from seplace.search.optuna_file import OptunaFile
from seplace.search.optuna_trainings import OptunaTrainings
from seplace.search.progress import Observer, Progress
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from seplace.evaluators.new_parts import Learning
    from seplace.study.config import StudyConfig

_FILES = (
    *("lock", "ledger.sqlite", "optuna.db", "study.yaml", "space.yaml", "costs.json", "provenance.json"),
    "report.html",
    *(f"{name}.csv" for name in ("evaluations", "curves", "placements", "front", "recommended", "effects")),
    *(f"{name}.csv" for name in ("rungs", "proxies", "trained", "ablation")),
    *(f"{name}.{suffix}" for name in ("front", "effects") for suffix in ("png", "svg")),
)
"""The files that a run writes into a results folder: if one cannot be written, the run is refused before it trains."""

_FOLDERS = ("weights", "checkpoints")
"""The folders in a results folder."""


def run_study(
    config: StudyConfig,
    folder: Path,
    *,
    observer: Observer,
    retry_failed: bool = False,
    on_images: Callable[[Mapping[str, Any]], None] | None = None,
    on_workers: Callable[[str], None] | None = None,
) -> None:
    """Run a study to its end in `folder`, or go on with it; `retry_failed` repeats all failed trainings.

    `on_images` is called with a description of the data before any training, `on_workers` with a sentence on the number
    of workers where the study leaves it open.

    Raises:
        StudyBusy: Another process runs the study.
        StudyChanged: The folder belongs to a study with another meaning.
        TooManyFailures: Trainings keep failing.
        Interrupted: A signal arrived; the same call resumes the study.

    """
    make_folder(folder, files=_FILES, folders=_FOLDERS)
    with (
        study_lock(folder / "lock"),
        Ledger(folder / "ledger.sqlite") as ledger,
        signals_as_errors() as raise_again,
        ExitStack() as stack,
    ):
        remove_unfinished([folder, *(folder / name for name in _FOLDERS)])

        def observe(progress: Progress) -> None:
            raise_again()
            observer(progress)

        refuse_changes(config, folder, ledger)
        logs = CurveLogs(config, folder)  # a package that is missing is named before anything is trained
        maker = EvaluatorMaker(config, folder)
        evaluator = maker.make_here()
        images, identity = describe_parts(config, folder, ledger, evaluator)
        maker.known = Known(images=images, identity=identity)
        logs.training_images = images.get("training_images")
        learning = learning_of(config, images)
        refuse_other_learning(folder, ledger, learning)
        if on_images is not None:
            on_images(images)
        key = config.cost_key() | counted_code(identity)
        task = task_of(config, kept_cost_table(folder, evaluator, key=key, names=config.wanted_costs))
        check_limits(task, path=config.path)
        timer = stack.enter_context(closing(ClusterTimer(maker, evaluator)))
        costs = PlacementCosts(task, ledger=ledger, evaluator=timer)
        if costs.measured:  # what cannot be measured is refused before any training
            costs.of(Placement.uniform(StageChoice(), len(task.space.choices)))
        _warn(config, folder, learning)
        claim(config, folder, ledger)  # what may refuse the study stands above: a refused one can be mended
        is_command = Path(sys.argv[0]).name == "seplace"
        facts: dict[str, Any] = {
            "finished": False,
            "stopped": None,
            "command": shlex.join(["seplace", *sys.argv[1:]]) if is_command else "seplace.run",
            "images": images,
            "units": {name: cost_named(name).unit for name in config.wanted_costs},
            "identity": identity,
            "learning": learning,
        }
        for name, value in facts.items():
            ledger.set_fact(name, value)
        config = maker.config = with_number_of_workers(
            config, maker, task, ledger=ledger, on_workers=on_workers, on_progress=raise_again
        )
        driver = Driver(
            task,
            budget_of(config),
            name=config.name,
            sampler=config.search.sampler,
            baselines=task.space.baselines | own_baselines(ledger),
            scoring=scoring_of(config, folder, evaluator),
            costs=costs,
            failure_rules=failure_rules_of(config),
            ledger=ledger,
            make_executor=functools.partial(make_executor, config, maker),
            optuna_file=OptunaFile(folder / "optuna.db"),
            optuna_trainings=OptunaTrainings(
                folder / "optuna.db",
                name=config.name,
                task=task,
                baselines=task.space.baselines | own_baselines(ledger),
            ),
            curve_logs=logs,
            observer=observe,
            retry_failed=retry_failed,
        )
        try:
            driver.run_proxies()
            driver.run_baselines()
            driver.run_search()
            driver.run_confirmation()
            driver.run_left_failures()
            driver.trainings.refuse_a_bad_end()
            driver.run_test(evaluator)
            driver.write_trainings(is_end=True)
        except BaseException as error:
            with suppress(Exception):  # the cause says more; the next run writes what is lacking
                driver.write_trainings(is_end=True)
            if not isinstance(error, Exception):
                raise
            with suppress(DiskFull):
                ledger.set_fact("stopped", str(error) if isinstance(error, SeplaceError) else describe_error(error))
            raise
        finally:
            driver.close()


def _warn(config: StudyConfig, folder: Path, learning: Learning) -> None:
    """Warn before any training of what a user may not have intended."""
    for backbone in config.search_space.backbones.values():
        left_out = [f"left out of the blocks of {backbone.text}: {each}" for each in backbone.left_out]
        for note in filter(None, [backbone.note, *left_out]):
            warnings.warn(note, stacklevel=3)
    for text, paths in learning.items():
        if paths is None:
            warnings.warn(sentence_of(text, paths), stacklevel=3)
    run = config.run
    for key in ("address", "gpus"):
        if run.executor != "ray" and getattr(run, key) is not None:
            warnings.warn(f"{key} has no effect with executor {run.executor}, only with ray", stacklevel=3)
    warn_of_a_smaller_budget(config, folder)
