"""The driver of a search: one process that asks the sampler, trains, records and tells.

Its phases: scores by proxies, baselines, search, confirmation of the front, and the one reading of the test split. An
evaluation is committed to the ledger before Optuna's `tell`. A placement that is proposed again is trained on its
next seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.effects.covariates import tables_of
from seplace.placement import Placement, placed_alone
from seplace.results.observations import estimates_of, is_candidate
from seplace.search.confirmation import next_round
from seplace.search.progress import Observer, Progress, Standing, standing_of
from seplace.search.scoring import covariates_of, placements_to_score, proxy_records, score, warn_of_the_left_out
from seplace.search.search_phase import SearchPhase
from seplace.search.test_phase import run_test_phase
from seplace.search.trainings import Trainings

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.executors.executor import Executor
    from seplace.results.evaluation import Evaluation, Job
    from seplace.results.ledger import Ledger
    from seplace.samplers.task import Task
    from seplace.search.attempts import FailureRules
    from seplace.search.budget import Budget
    from seplace.search.cost_table import PlacementCosts
    from seplace.search.curve_logs import CurveLogs
    from seplace.search.optuna_file import OptunaFile
    from seplace.search.optuna_trainings import OptunaTrainings
    from seplace.search.scoring import Scoring

_TIMED_ALONE = 60
"""The most choices of the front and the baselines that are timed alone in their stage."""

_TIMED_TRAINED = 256
"""The most other trained placements that are timed, so that a tabular benchmark can answer for latency too."""

_LOOKED_AT = 5000
"""The most results of earlier runs whose front is looked at before this run goes on."""

_STANDING_SHARE = 0.02
"""The most of a run's time that the standing of its front takes: it looks at all results."""


class Driver:
    """Runs the phases of one search."""

    def __init__(
        self,
        task: Task,
        budget: Budget,
        *,
        name: str,
        sampler: str,
        baselines: Mapping[str, Placement],
        scoring: Scoring,
        costs: PlacementCosts,
        failure_rules: FailureRules,
        ledger: Ledger,
        make_executor: Callable[[Callable[[], None]], Executor],
        optuna_file: OptunaFile | None,
        optuna_trainings: OptunaTrainings | None = None,
        curve_logs: CurveLogs | None = None,
        observer: Observer | None,
        retry_failed: bool = False,
    ) -> None:
        """Take a task, a budget, and what trains and records; `make_executor` takes a function to call on progress."""
        self.task = task
        self.budget = budget
        self.name = name
        self.sampler = sampler
        self.scoring = scoring
        self.costs = costs
        self.ledger = ledger
        self.optuna_file = optuna_file
        self.optuna_trainings = optuna_trainings
        self.curve_logs = curve_logs
        self.observer = observer
        self.phase, self.done, self.total = "preparing", 0.0, 0.0
        self.executor = make_executor(self._report)
        self.trainings = Trainings(
            length=budget.length,
            failure_rules=failure_rules,
            ledger=ledger,
            executor=self.executor,
            costs=costs,
            retry_failed=retry_failed,
        )
        self.baselines = {label: mark for label, mark in baselines.items() if costs.within_limits(mark)}
        known = len(self.trainings.results)
        self._standing: tuple[int, Standing | None] = (-1 if known <= _LOOKED_AT else known, None)
        """The latest standing, and of how many results it is."""
        self._standing_due = 0.0
        """When the standing may be computed again, by the monotonic clock."""

    def close(self) -> None:
        """Stop the executor."""
        self.executor.close()

    def write_trainings(self, *, is_end: bool) -> None:
        """Append trainings to Optuna's file, and send curves to loggers; at the end those stopped at a rung too."""
        if self.optuna_trainings is not None and (is_end or self.optuna_trainings.is_due):
            self.optuna_trainings.update(self.trainings, is_end=is_end)
        if self.curve_logs is not None and (is_end or self.curve_logs.is_due):
            self.curve_logs.update(self.trainings, is_end=is_end)

    # Phases; each takes from the ledger what was done before

    def run_proxies(self) -> None:
        """Let proxies score some placements, and add what is learned from the scores to the model as covariates."""
        makers = self.scoring.makers
        if not makers:
            return
        marks = list(self.baselines.values())
        placements = placements_to_score(self.task.space, marks, count=self.scoring.count, seed=self.task.seed)
        self._begin("proxies", len(makers) * len(placements))
        self._report()
        for name, make in makers.items():
            for _ in score(name, placements, ledger=self.ledger, make=make):
                self._show(self.done + 1)
        records = proxy_records(self.ledger)
        covariates = covariates_of(self.task.design, records)
        warn_of_the_left_out(records, covariates)
        self.task = replace(self.task, covariates=tables_of(covariates))

    def run_baselines(self) -> None:
        """Train each baseline once, unless the search overlaps with that.

        Raises TooManyFailures if the plain backbone has no result: a search would be compared with nothing, and one
        that went on after the repair would differ from that of a machine that had not failed.
        """
        if self.overlaps:
            return
        self._begin("baselines", len(self.baselines))
        plain = self.baselines.get("plain")
        self._train([self.trainings.job(placement, 0) for placement in self.baselines.values()], needed=plain)
        if plain is not None:
            self.trainings.refuse_without(plain)

    @property
    def overlaps(self) -> bool:
        """Whether the search begins while the baselines train, so that many workers do not wait for a few trainings.

        It is decided when a study begins: later it may go on with another number of workers.
        """
        if self.ledger.fact("baselines_overlap"):
            return True
        overlaps = self.budget.overlaps(len(self.baselines)) and not self.trainings.results
        if overlaps:
            self.ledger.set_fact("baselines_overlap", True)
        return overlaps

    def run_search(self) -> None:
        """Ask the sampler and train until the budget is spent or the front is settled."""
        self._begin("search", self.budget.trainings or 1)
        SearchPhase(
            self.task,
            self.budget,
            trainings=self.trainings,
            sampler=self.sampler,
            name=self.name,
            baselines=self.baselines,
            overlaps=self.overlaps,
            optuna_file=self.optuna_file,
            on_done=self._show,
        ).run()
        self.trainings.refuse_if_all_failed()

    def run_confirmation(self) -> None:
        """Spend seeds where they decide most, round by round, until nothing is undecided."""
        budget = self.budget.confirm_trainings
        if not budget:
            return
        rounds: list[list[list[str | int]]] = self.ledger.fact("confirm_rounds") or []
        spent = 0
        number = 0
        self._begin("confirm", budget)
        while spent < budget:
            if number < len(rounds):
                jobs = [self.trainings.job(Placement.parse(str(text)), int(seed)) for text, seed in rounds[number]]
            else:
                jobs = self._next_round()[: budget - spent]
                if not jobs:
                    return
                rounds.append([[str(job.placement), job.seed] for job in jobs])
                self.ledger.set_fact("confirm_rounds", rounds)
            self._train(jobs)
            spent += len(jobs)
            number += 1

    def run_left_failures(self) -> None:
        """Repeat the failed trainings of earlier runs that no phase of this run has repeated."""
        jobs = [self.trainings.job(row.placement, row.seed) for row in self.trainings.attempts.replaced.values()]
        if jobs:
            self._begin("retry", len(jobs))
            self._train(jobs)

    def run_test(self, evaluator: Evaluator) -> None:
        """Time trained placements, and read the test split once: for the front and the baselines that have weights."""
        results = self.trainings.results
        is_of_space = self.trainings.is_front_of_space
        candidates = estimates_of(
            self.task.design,
            list(results.values()),
            self.task.cost,
            metric=self.task.metric,
            is_front_of_space=is_of_space,
            named=self.baselines.values(),
        ).front
        placements = list(dict.fromkeys([*candidates, *self.baselines.values()]))
        known = self.ledger.tests()
        unread_of: dict[Placement, list[Evaluation]] = {placement: [] for placement in placements}
        for evaluation in results.values():
            if evaluation.placement in unread_of and evaluation.state == "complete" and evaluation.key not in known:
                unread_of[evaluation.placement].append(evaluation)
        unread = [evaluation for rows in unread_of.values() for evaluation in rows]
        if unread:
            self._begin("test", len(unread))
            self._report()
        run_test_phase(
            unread,
            evaluator=evaluator,
            ledger=self.ledger,
            time=lambda: self._time(placements),
            on_done=lambda: self._show(self.done + 1),
        )

    def _time(self, placements: list[Placement]) -> None:
        """Time placements, their choices alone, and other trained placements."""
        alone = [
            placed_alone(choice, stage, stages=len(placement))
            for placement in placements
            for stage, choice in enumerate(placement.choices, start=1)
        ]
        wanted = list(dict.fromkeys([*placements, *alone[:_TIMED_ALONE]]))
        trained = dict.fromkeys(row.placement for row in self.trainings.results.values())
        others = [placement for placement in trained if placement not in wanted]
        self.costs.measure_latencies([*wanted, *others[:_TIMED_TRAINED]])

    def _next_round(self) -> list[Job]:
        costs = {row.placement: row.costs[self.task.cost] for row in self.trainings.results.values()}
        priced_space = self.task.priced_space_by(costs)
        return next_round(
            self.trainings,
            priced_space,
            cost=self.task.cost,
            metric=self.task.metric,
            baselines=list(self.baselines.values()),
            seeds=self.budget.confirm_seeds,
        )

    def _train(self, jobs: list[Job], *, needed: Placement | None = None) -> None:
        before = self.done
        self.trainings.train(jobs, on_done=lambda done: self._show(before + done), needed=needed)

    # Progress

    def _begin(self, phase: str, total: float) -> None:
        """Begin a phase; it is reported once it is known how much of it is done."""
        self.phase, self.done, self.total = phase, 0, total
        self._standing_due = 0.0

    def _later(self) -> float | None:
        """Return the most trainings after this phase; None before any training, and before or in hours of search."""
        budget = self.budget
        confirmed = float(budget.confirm_trainings)
        if self.phase == "baselines" and budget.trainings is not None:
            return max(budget.trainings - self.total, 0) + confirmed
        if self.phase == "search" and (budget.trainings is not None or not confirmed):
            return confirmed
        return 0.0 if self.phase in ("confirm", "retry", "test") else None

    def _show(self, done: float) -> None:
        self.done = done
        self._report()

    def _report(self) -> None:
        if self.trainings.unwritten:
            self.write_trainings(is_end=False)
        if self.observer is None:
            self.trainings.news.clear()
            return
        results = self.trainings.results
        begin = time.monotonic()
        if self._standing[0] != len(results) and begin >= self._standing_due:
            is_of_space, space = self.trainings.is_front_of_space, self.task.space
            rows = [row for row in results.values() if not is_of_space or is_candidate(row.placement, space)]
            standing = standing_of(
                rows,
                self.task.cost,
                self.costs.range_of(self.task.cost),
                metric=self.task.metric,
                is_of_space=len(rows) < len(results),
            )
            self._standing = (len(results), standing)
            now = time.monotonic()
            self._standing_due = now + (now - begin) / _STANDING_SHARE
        is_by_the_clock = self.phase == "search" and self.budget.trainings is None
        running = 0.0 if is_by_the_clock else self.executor.epochs_done / self.budget.length
        news = tuple(self.trainings.news)
        self.trainings.news.clear()
        self.observer(
            Progress(
                study=self.name,
                metric=self.task.metric,
                phase=self.phase,
                done=min(self.done + running, self.total),
                total=self.total,
                later=self._later(),
                trained=len(results),
                failed=self.trainings.failed,
                running=self.executor.running,
                workers=self.budget.workers,
                news=news,
                standing=self._standing[1],
            )
        )
