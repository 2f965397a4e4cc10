"""The driver: one process that owns a search. It asks, trains, records, tells; all else is a view.

Phases: scores by proxies, baselines, search, confirmation of the front, and at the end the one reading of the test
split. An evaluation is committed to the ledger before the sampler is told. A placement that is proposed again is
trained on its next seed.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.costs import cost_named
from seplace.effects.covariates import tables_of
from seplace.errors import SeplaceError
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker, Executor
from seplace.files.atomic import DiskFull, make_folder, remove_unfinished
from seplace.placement import Placement, StageChoice, placed_alone
from seplace.results.evaluation import Job
from seplace.results.ledger import Ledger
from seplace.results.observations import estimates_of, is_candidate
from seplace.search.budget import warn_of_a_smaller_budget
from seplace.search.confirmation import next_round
from seplace.search.cost_table import PlacementCosts, study_cost_table
from seplace.search.interruption import signals_as_errors
from seplace.search.limits import check_limits
from seplace.search.lock import study_lock
from seplace.search.meaning import (
    claim,
    described,
    learning_of,
    own_baselines,
    refuse_changes,
    refuse_other_learning,
    sentence_of,
)
from seplace.search.of_study import task_of
from seplace.search.optuna_file import OptunaFile
from seplace.search.progress import Observer, Progress, Standing, standing_of
from seplace.search.scoring import (
    ProxyMaker,
    covariates_of,
    make_proxy,
    placements_to_score,
    proxy_records,
    score,
    warn_of_the_left_out,
)
from seplace.search.search_phase import SearchPhase
from seplace.search.test_phase import run_test_phase
from seplace.search.trainings import Trainings
from seplace.user_code import describe_error, user_errors_if

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.evaluators.new_parts import Learning
    from seplace.study.config import StudyConfig

_FILES = (
    *("lock", "ledger.sqlite", "optuna.db", "study.yaml", "space.yaml", "costs.json", "provenance.json"),
    *(f"{name}.csv" for name in ("evaluations", "placements", "front", "recommended", "effects", "rungs", "proxies")),
    *(f"{name}.{suffix}" for name in ("front", "effects") for suffix in ("png", "svg")),
)
"""The files of a results folder that runs write: where one cannot be written, a run is refused before it trains."""

_FOLDERS = ("weights", "checkpoints")
"""The folders in it."""


def run_study(
    config: StudyConfig,
    folder: Path,
    *,
    observer: Observer,
    retry_failed: bool = False,
    on_images: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Run a study to its end in `folder`, or go on with it; `retry_failed` makes all failed trainings again.

    `on_images` hears what the data are before any training.

    StudyBusy if another process runs it; StudyChanged if the folder belongs to a study with another meaning;
    TooManyFailures if trainings keep failing; Interrupted on a signal, after which the same call resumes.
    """
    make_folder(folder, files=_FILES, folders=_FOLDERS)
    with study_lock(folder / "lock"), Ledger(folder / "ledger.sqlite") as ledger, signals_as_errors() as raise_again:
        remove_unfinished([folder, *(folder / name for name in _FOLDERS)])

        def observe(progress: Progress) -> None:
            raise_again()
            observer(progress)

        refuse_changes(config, folder, ledger)
        maker = EvaluatorMaker(config, folder)
        evaluator = maker.make(0)
        images, identity = described(config, folder, ledger, evaluator)
        learning = learning_of(config, images)
        refuse_other_learning(folder, ledger, learning)
        if on_images is not None:
            on_images(images)
        table = study_cost_table(config, folder, evaluator, identity=identity)
        cost_table = PlacementCosts(config, table, ledger=ledger, evaluator=evaluator)
        check_limits(config, table)
        if cost_table.measured:
            cost_table.of(
                Placement.uniform(StageChoice(), len(config.search_space.choices))
            )  # told before any training
        _warn(config, folder, learning)
        claim(config, folder, ledger)  # what may refuse the study stands above: a refused one can be mended
        is_command = Path(sys.argv[0]).name == "seplace"
        facts: dict[str, Any] = {
            "finished": False,
            "stopped": None,
            "command": " ".join(["seplace", *sys.argv[1:]]) if is_command else "seplace.run",
            "images": images,
            "units": {name: cost_named(name).unit for name in config.wanted_costs},
            "identity": identity,
            "learning": learning,
        }
        for name, value in facts.items():
            ledger.set_fact(name, value)
        driver = Driver(
            config,
            ledger=ledger,
            make_executor=functools.partial(_make_executor, config, maker),
            cost_table=cost_table,
            baselines=config.search_space.baselines | own_baselines(ledger),
            make_proxy=functools.partial(make_proxy, config, folder, evaluator),
            optuna_file=OptunaFile(folder / "optuna.db"),
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
        except Exception as error:
            with suppress(DiskFull):
                ledger.set_fact("stopped", str(error) if isinstance(error, SeplaceError) else describe_error(error))
            raise
        finally:
            driver.close()


def _warn(config: StudyConfig, folder: Path, learning: Learning) -> None:
    """Say before any training what a user may not have meant."""
    for backbone in config.search_space.backbones.values():
        left_out = [f"left out of the blocks of {backbone.text}: {each}" for each in backbone.left_out]
        for note in filter(None, [backbone.note, *left_out]):
            warnings.warn(note, stacklevel=3)
    for text, paths in learning.items():
        if paths is None:
            warnings.warn(sentence_of(text, paths), stacklevel=3)
    warn_of_a_smaller_budget(config, folder)


def _make_executor(config: StudyConfig, maker: EvaluatorMaker, on_progress: Callable[[], None]) -> Executor:
    name, workers = config.run.executor, config.run.workers
    if name == "inline" and config.run.timeout_minutes is not None:
        name, workers = "processes", 1  # a training can be ended only from outside, whatever it is doing
    make: Callable[..., Executor] = EXECUTORS[name]
    with user_errors_if(EXECUTORS.is_external(name), f"executor {name} cannot be made"):
        return make(maker, workers=workers, max_retries=config.run.max_retries, on_progress=on_progress)


_TIMED_ALONE = 60
"""So many choices of the front and the baselines, at most, are timed alone in their stage."""

_TIMED_TRAINED = 256
"""So many others that were trained, at most, are timed: a table of them answers for latency too."""


class Driver:
    """Runs the phases of one study."""

    def __init__(
        self,
        config: StudyConfig,
        *,
        ledger: Ledger,
        make_executor: Callable[[Callable[[], None]], Executor],
        cost_table: PlacementCosts,
        baselines: Mapping[str, Placement],
        make_proxy: ProxyMaker,
        optuna_file: OptunaFile | None,
        observer: Observer | None,
        retry_failed: bool = False,
    ) -> None:
        """Take what the study needs; `make_executor` is given what to call on progress, `optuna_file` is the copy."""
        self.config = config
        self.ledger = ledger
        self.cost_table = cost_table
        self.make_proxy = make_proxy
        self.optuna_file = optuna_file
        self.observer = observer
        self.phase, self.done, self.total = "preparing", 0.0, 0.0
        self.executor = make_executor(self._report)
        self.trainings = Trainings(
            config, ledger=ledger, executor=self.executor, cost_table=cost_table, retry_failed=retry_failed
        )
        self.baselines = {
            name: placement for name, placement in baselines.items() if cost_table.within_limits(placement)
        }
        self.task = task_of(config, cost_table.table)
        self._standing: tuple[int, Standing] | None = None

    def close(self) -> None:
        """Stop the executor."""
        self.executor.close()

    # Phases; each answers from the ledger for what was done before

    def run_proxies(self) -> None:
        """Let proxies score some placements, and give the model of effects what is learned from these scores."""
        names = self.config.search.proxies
        if not names:
            return
        placements = placements_to_score(self.config, list(self.baselines.values()))
        self._begin("proxies", len(names) * len(placements))
        for name in names:
            for _ in score(name, placements, ledger=self.ledger, make_proxy=self.make_proxy):
                self._show(self.done + 1)
        records = proxy_records(self.ledger)
        covariates = covariates_of(self.task.design, records)
        warn_of_the_left_out(records, covariates)
        self.task = replace(self.task, covariates=tables_of(covariates))

    def run_baselines(self) -> None:
        """Train what anyone would try by hand, once each.

        TooManyFailures where the plain backbone has no result: a search would be compared with nothing, and one that
        goes on when it has been trained again would be another than that of a machine which had not failed.
        """
        self._begin("baselines", len(self.baselines))
        self._train([self.trainings.job(placement, 0) for placement in self.baselines.values()])
        if "plain" in self.baselines:
            self.trainings.refuse_without(self.baselines["plain"])

    def run_search(self) -> None:
        """Ask the sampler and train until the budget is spent, or the front is settled."""
        self._begin("search", self.config.search.trainings or 1)
        SearchPhase(
            self.task,
            self.trainings,
            baselines=self.baselines,
            optuna_file=self.optuna_file,
            on_done=self._show,
        ).run()
        self.trainings.refuse_if_all_failed()

    def run_confirmation(self) -> None:
        """Spend seeds where they decide something, round by round, until nothing is undecided."""
        confirm = self.config.confirm
        if confirm is None:
            return
        rounds: list[list[list[str | int]]] = self.ledger.fact("confirm_rounds") or []
        spent = 0
        number = 0
        self._begin("confirm", confirm.trainings)
        while spent < confirm.trainings:
            if number < len(rounds):
                jobs = [self.trainings.job(Placement.parse(str(text)), int(seed)) for text, seed in rounds[number]]
            else:
                jobs = self._next_round(confirm.seeds)[: confirm.trainings - spent]
                if not jobs:
                    return
                rounds.append([[str(job.placement), job.seed] for job in jobs])
                self.ledger.set_fact("confirm_rounds", rounds)
            self._train(jobs)
            spent += len(jobs)
            number += 1

    def run_left_failures(self) -> None:
        """Make again what failed in earlier runs and no phase of this one has asked for."""
        jobs = [self.trainings.job(row.placement, row.seed) for row in self.trainings.attempts.replaced.values()]
        if jobs:
            self._begin("retry", len(jobs))
            self._train(jobs)

    def run_test(self, evaluator: Evaluator) -> None:
        """Time what was trained; read the test split once, for the front and the baselines whose weights are there."""
        results = self.trainings.results
        is_of_space = self.trainings.is_front_of_space
        candidates = estimates_of(
            self.task.design, list(results.values()), self.task.cost, is_front_of_space=is_of_space
        ).front
        placements = list(dict.fromkeys([*candidates, *self.baselines.values()]))
        known = self.ledger.tests()
        unread = [
            evaluation
            for placement in placements
            for evaluation in results.values()
            if evaluation.placement == placement and evaluation.state == "complete" and evaluation.key not in known
        ]
        self._begin("test", len(unread))
        run_test_phase(
            unread,
            evaluator=evaluator,
            ledger=self.ledger,
            time=lambda: self._time(placements),
            on_done=lambda: self._show(self.done + 1),
        )

    def _time(self, placements: list[Placement]) -> None:
        """Time placements, their choices alone, and others that were trained."""
        alone = [
            placed_alone(choice, stage, stages=len(placement))
            for placement in placements
            for stage, choice in enumerate(placement.choices, start=1)
        ]
        asked = list(dict.fromkeys([*placements, *alone[:_TIMED_ALONE]]))
        trained = dict.fromkeys(row.placement for row in self.trainings.results.values())
        others = [placement for placement in trained if placement not in asked]
        self.cost_table.measure_latencies([*asked, *others[:_TIMED_TRAINED]])

    def _next_round(self, seeds: int) -> list[Job]:
        costs = {row.placement: row.costs[self.task.cost] for row in self.trainings.results.values()}
        priced_space = self.task.priced_space_by(costs)
        return next_round(self.trainings, priced_space, baselines=list(self.baselines.values()), seeds=seeds)

    def _train(self, jobs: list[Job]) -> None:
        before = self.done
        self.trainings.train(jobs, on_done=lambda done: self._show(before + done))

    # Progress

    def _begin(self, phase: str, total: float) -> None:
        self.phase, self.done, self.total = phase, 0, total
        self._report()

    def _show(self, done: float) -> None:
        self.done = done
        self._report()

    def _report(self) -> None:
        if self.observer is None:
            return
        results = self.trainings.results
        if self._standing is None or self._standing[0] != len(results):
            is_of_space, space = self.trainings.is_front_of_space, self.config.search_space
            rows = [row for row in results.values() if not is_of_space or is_candidate(row.placement, space)]
            standing = standing_of(rows, self.task.cost, self.cost_table.range_of(self.task.cost))
            self._standing = (len(results), standing)
        is_by_the_clock = self.phase == "search" and self.config.search.trainings is None
        running = 0.0 if is_by_the_clock else self.executor.epochs_done / self.config.training.epochs
        self.observer(
            Progress(
                phase=self.phase,
                done=min(self.done + running, self.total),
                total=self.total,
                trained=len(results),
                failed=sum(row.state == "failed" for row in results.values()),
                standing=self._standing[1],
            )
        )
