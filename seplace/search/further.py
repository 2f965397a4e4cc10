"""Further trainings of a study's placements, by its recipe or by a longer one, on its training images or on more.

By the study's own recipe they become evaluations of the study. Its search, should it go on, does not see them
(`seplace.search.added`). By any other they go into a folder of their own (`seplace.results.trained`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.errors import DataError, InputError, MissingTestSplit
from seplace.evaluators.identity import counted_code
from seplace.executors.executor import EvaluatorMaker, Known
from seplace.files.atomic import make_folder, remove_unfinished
from seplace.results.evaluation import Job
from seplace.results.ledger import Ledger
from seplace.results.trained import FOLDER, TRAINED_ON, name_of_recipe
from seplace.search.cost_table import PlacementCosts, kept_cost_table
from seplace.search.curve_logs import CurveLogs
from seplace.search.execution import make_executor, with_number_of_workers
from seplace.search.interruption import signals_as_errors
from seplace.search.lock import study_lock
from seplace.search.meaning import describe_parts, own_baselines, refuse_changes, refuse_other_learning
from seplace.search.of_study import failure_rules_of, task_of
from seplace.search.optuna_trainings import OptunaTrainings
from seplace.search.progress import Observer, Progress
from seplace.search.test_phase import NO_TEST_SPLIT, read_test
from seplace.search.trainings import Trainings

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.placement import Placement
    from seplace.study.config import StudyConfig, TrainedOn

_FOLDERS = ("weights", "checkpoints")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which networks are to be trained. Raises InputError for numbers below 1."""

    placements: Sequence[Placement]
    seeds: int
    """Each placement is trained on the seeds 0, 1, … of this number."""
    epochs: int
    trained_on: TrainedOn

    def __post_init__(self) -> None:
        for name in ("seeds", "epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1 (got {getattr(self, name)})")

    def is_of_study(self, config: StudyConfig) -> bool:
        """Return whether the recipe is that of a study."""
        return (self.epochs, self.trained_on) == (config.training.epochs, config.trained_on)

    def recipe_of(self, config: StudyConfig) -> StudyConfig:
        """Return a study with the recipe that is wanted: the schedule is stretched to its epochs.

        Raises InputError where the warm-up would not end, or the study's evaluator trains nothing by a recipe.
        """
        if self.is_of_study(config):
            return config
        if not config.trains:
            raise InputError(
                f"the evaluator {config.evaluator.name} trains by its own recipe: leave out --epochs and --on "
                f"(the study has {config.training.epochs} epochs)"
            )
        if config.own_training is not None and self.trained_on != "train":
            raise InputError("--on: a training of your own has data of its own: train on others by its options")
        warmup = 0.0 if config.own_training is not None else config.recipe.warmup_epochs
        if self.epochs <= warmup:
            raise InputError(f"epochs must be more than the {warmup:g} epochs of the warm-up (got {self.epochs})")
        training = config.training.with_epochs(self.epochs)
        return replace(config, file=config.file.model_copy(update={"training": training}), trained_on=self.trained_on)


def train_further(
    config: StudyConfig,
    folder: Path,
    wanted: Wanted,
    *,
    observer: Observer,
    retry_failed: bool = False,
    on_workers: Callable[[str], None] | None = None,
) -> str | None:
    """Train what is wanted of a study in `folder`, or go on with it; score the networks on the test split at the end.

    Returns the name of the recipe; None where it is the study's own.

    Raises:
        StudyBusy: Another process runs the study.
        StudyChanged: The data or the user's own code are not those of the study.
        TooManyFailures: Trainings keep failing.
        Interrupted: A signal arrived; the same call goes on.

    """
    recipe = wanted.recipe_of(config)
    with (
        study_lock(folder / "lock"),
        Ledger(folder / "ledger.sqlite") as study_ledger,
        signals_as_errors() as raise_again,
        ExitStack() as stack,
    ):
        if study_ledger.fact("finished") is None:
            raise DataError(f"{folder}: no results here yet: run the study first")
        refuse_changes(config, folder, study_ledger)
        name, target, ledger = None, folder, study_ledger
        if recipe is not config:
            name = name_of_recipe(epochs=wanted.epochs, trained_on=wanted.trained_on)
            target = folder / FOLDER / name
            make_folder(target, files=("ledger.sqlite",), folders=_FOLDERS)
            ledger = stack.enter_context(Ledger(target / "ledger.sqlite"))
            refuse_changes(recipe, target, ledger)
        else:
            make_folder(target, files=("evaluations.csv",), folders=_FOLDERS)
        remove_unfinished([target, *(target / each for each in _FOLDERS)])
        logs = CurveLogs(recipe, target)
        maker = EvaluatorMaker(recipe, target)
        evaluator = maker.make_here()
        images, identity = describe_parts(recipe, folder, study_ledger, evaluator)
        maker.known = Known(images=images, identity=identity)
        logs.training_images = images.get("training_images") if recipe.trained_on == "train" else None
        refuse_other_learning(folder, study_ledger, study_ledger.fact("learning") or {})
        key = config.cost_key() | counted_code(identity)
        task = task_of(recipe, kept_cost_table(folder, evaluator, key=key, names=config.wanted_costs))
        maker.config = recipe = with_number_of_workers(
            recipe, maker, task, ledger=study_ledger, on_workers=on_workers, on_progress=raise_again
        )
        if name is not None:
            ledger.set_fact("fingerprint", recipe.fingerprint())
            ledger.set_fact(TRAINED_ON, recipe.trained_on)
        costs = PlacementCosts(task, ledger=study_ledger, evaluator=evaluator)
        shown = _Shown(observer, raise_again, recipe)
        executor = make_executor(recipe, maker, shown.report)
        stack.callback(executor.close)
        trainings = Trainings(
            length=recipe.training.epochs,
            failure_rules=failure_rules_of(recipe),
            ledger=ledger,
            executor=executor,
            costs=costs,
            retry_failed=retry_failed,
            is_search=False,
        )
        shown.trainings = trainings
        jobs = [trainings.job(each, seed) for seed in range(wanted.seeds) for each in wanted.placements]
        shown.begin("train", len(jobs))
        trainings.train(jobs, on_done=shown.show)
        trainings.refuse_a_bad_end()
        if name is None and study_ledger.fact("latencies"):
            costs.measure_latencies(list(wanted.placements))
        _test(jobs, trainings, evaluator, shown)
        logs.update(trainings, is_end=True)
        if name is None and (folder / "optuna.db").exists():
            baselines = task.space.baselines | own_baselines(study_ledger)
            file = OptunaTrainings(folder / "optuna.db", name=config.name, task=task, baselines=baselines)
            file.update(trainings, is_end=True)
    return name


def _test(jobs: Sequence[Job], trainings: Trainings, evaluator: Evaluator, shown: _Shown) -> None:
    """Score on the test split what was trained and has no test score yet; nothing where there is no test split."""
    ledger = trainings.ledger
    known = ledger.tests()
    rows = [row for job in jobs if (row := trainings.answer(job)) is not None]
    unread = [row for row in rows if row.state == "complete" and row.key not in known]
    shown.begin("test", len(unread))
    try:
        read_test(unread, evaluator=evaluator, ledger=ledger, on_done=lambda: shown.show(shown.done + 1))
    except MissingTestSplit:
        ledger.set_fact("test_note", NO_TEST_SPLIT)


class _Shown:
    """Tells an observer how far the trainings are."""

    def __init__(self, observer: Observer, raise_again: Callable[[], None], config: StudyConfig) -> None:
        self.observer = observer
        self.study, self.metric, self.workers = config.name, config.metric, config.workers
        self.raise_again = raise_again
        self.trainings: Trainings | None = None
        self.phase, self.done, self.total = "train", 0, 0

    def begin(self, phase: str, total: int) -> None:
        """Begin a phase."""
        self.phase, self.done, self.total = phase, 0, total
        self.report()

    def show(self, done: int) -> None:
        """Show how many trainings of the phase are done."""
        self.done = done
        self.report()

    def report(self) -> None:
        """Tell the observer, with the finished epochs of the trainings that run."""
        self.raise_again()
        if self.trainings is None:
            return
        running = self.trainings.executor.epochs_done / self.trainings.length if self.phase == "train" else 0.0
        news = tuple(self.trainings.news)
        self.trainings.news.clear()
        self.observer(
            Progress(
                study=self.study,
                metric=self.metric,
                phase=self.phase,
                done=min(self.done + running, self.total),
                total=self.total,
                later=0.0,
                trained=len(self.trainings.results),
                failed=self.trainings.failed,
                running=self.trainings.executor.running,
                workers=self.workers,
                news=news,
                standing=None,
            )
        )
