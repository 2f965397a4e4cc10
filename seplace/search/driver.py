"""The driver: one process that owns a search. It asks, trains, records, tells; all else is a view.

Phases: yardsticks, search, confirmation of the front, and at the end the one reading of the test split. An evaluation
is committed to the ledger before the sampler is told. A placement that is proposed again is trained on its next seed.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seplace.config import differences
from seplace.errors import StudyChanged, TooManyFailures
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker, Executor
from seplace.files import write_atomically
from seplace.ledger import Ledger
from seplace.placement import Placement
from seplace.results import Evaluation, EvaluationKey, Job, front_of, summarise
from seplace.search.interruption import signals_as_errors
from seplace.search.lock import study_lock
from seplace.search.prices import Prices, count_prices, price_key, read_prices, store_prices
from seplace.search.progress import Observer, Progress, Standing, standing_of
from seplace.search.proposals import Proposals, StudyFile
from seplace.streams import derive_seed

if TYPE_CHECKING:
    from seplace.config import StudyConfig
    from seplace.costs.table import PriceTable
    from seplace.evaluators.stand_alone import StandAlone

_PATIENCE = 25
"""So many proposals in a row that need no training end in a random placement that does."""


def run_study(config: StudyConfig, folder: Path, *, observer: Observer) -> None:
    """Run a study to its end in `folder`, or go on with it.

    StudyBusy if another process runs it; StudyChanged if the folder belongs to a study with another meaning;
    TooManyFailures if trainings keep failing; Interrupted on a signal, after which the same call resumes.
    """
    with study_lock(folder / "lock"), Ledger(folder / "ledger.sqlite") as ledger, signals_as_errors():
        claim(config, folder, ledger)
        ledger.set_fact("finished", False)
        maker = EvaluatorMaker(name="stand_alone", config=config, folder=folder, threads=config.run.threads)
        evaluator = maker.make(0)
        prices = Prices(config, price_table(config, folder, evaluator), ledger=ledger, evaluator=evaluator)
        prices.check_limits()
        if ledger.fact("images") is None:
            ledger.set_fact("images", evaluator.describe_images())
        driver = Driver(config, folder, ledger=ledger, maker=maker, prices=prices, observer=observer)
        try:
            driver.run()
        finally:
            driver.close()


def claim(config: StudyConfig, folder: Path, ledger: Ledger) -> None:
    """Make `folder` this study's, or refuse it key by key."""
    meaning, known = config.fingerprint(), ledger.fact("fingerprint")
    if known is not None and (changes := differences(known, meaning)):
        raise StudyChanged(
            f"{folder} holds results of a study with another meaning; only its budget may grow. Changed:\n  "
            + "\n  ".join(changes)
        )
    if known is None:
        ledger.set_fact("fingerprint", meaning)
    # Relative, so that a folder of results can be moved with its studies.
    ledger.set_fact("study_folder", os.path.relpath(config.folder, folder.resolve()))
    write_atomically(folder / "study.yaml", config.source_text)
    write_atomically(folder / "space.yaml", config.space_text)


def price_table(config: StudyConfig, folder: Path, evaluator: StandAlone) -> PriceTable:
    """Return the study's prices: those of an earlier run, or counted now and kept."""
    path, key = folder / "prices.json", price_key(config)
    table = read_prices(path, key=key)
    if table is None:
        table = count_prices(config, evaluator)
        store_prices(path, table, key=key)
    return table


class Driver:
    """Runs the phases of one study."""

    def __init__(
        self,
        config: StudyConfig,
        folder: Path,
        *,
        ledger: Ledger,
        maker: EvaluatorMaker,
        prices: Prices,
        observer: Observer,
    ) -> None:
        self.config = config
        self.folder = folder
        self.ledger = ledger
        self.prices = prices
        self.evaluator = prices.evaluator
        self.observer = observer
        self.results: dict[EvaluationKey, Evaluation] = {row.key: row for row in ledger.evaluations()}
        self.in_flight: set[EvaluationKey] = set()
        self.failures_in_a_row = 0
        self.phase, self.done, self.total = "preparing", 0.0, 0.0
        self.executor: Executor = EXECUTORS[config.run.executor](
            maker, workers=config.run.workers, max_retries=config.run.max_retries, on_progress=self._report
        )
        self.yardsticks = {
            name: placement
            for name, placement in config.search_space.yardsticks.items()
            if prices.within_limits(placement)
        }
        self._standing: tuple[int, Standing] | None = None

    def run(self) -> None:
        """Run all phases; each answers from the ledger for what was done before."""
        self._run_yardsticks()
        self._search()
        self._confirm()
        self._finish()

    def close(self) -> None:
        """Stop the executor."""
        self.executor.close()

    # Phases

    def _run_yardsticks(self) -> None:
        self._begin("yardsticks", len(self.yardsticks))
        self._train([self._job(placement, 0) for placement in self.yardsticks.values()])

    def _search(self) -> None:
        config = self.config
        proposals = self._new_proposals()
        study_file = StudyFile(self.folder / "optuna.db")
        recorded = self.ledger.proposals()
        seeds = Counter(self.yardsticks.values())
        trained = len(self.yardsticks)
        unproductive = 0
        # In-order telling: proposal k is made when exactly those before k - window are told, whatever finished first.
        window = config.run.workers + config.run.workers // 2
        pending: deque[tuple[int, Job | None, Placement]] = deque()
        self._begin("search", config.search.trainings or 1)
        started = time.monotonic() - (self.ledger.fact("search_seconds") or 0.0)
        while True:
            while len(pending) < window and self._within_budget(trained, started, proposals.next_number in recorded):
                fixed = recorded.get(proposals.next_number)
                if fixed is None and unproductive >= _PATIENCE:
                    fixed = self._fresh_placement(seeds, proposals.next_number)
                    if fixed is None:
                        break  # every placement that may be trained has all its seeds
                number, placement = proposals.ask(fixed)
                self.ledger.add_proposal(number, placement)
                job = None
                if seeds[placement] < config.search.seeds and self.prices.within_limits(placement):
                    job = self._job(placement, seeds[placement])
                    seeds[placement] += 1
                    trained += 1
                    self._start(job)
                unproductive = 0 if job is not None else unproductive + 1
                pending.append((number, job, placement))
            if not pending:
                break
            number, job, placement = pending[0]
            if job is None or job.key in self.results:
                pending.popleft()
                self._tell(proposals, number, job, placement)
                study_file.update(proposals.study)
                if config.search.trainings is not None:
                    self.done = trained - len([each for each in pending if each[1] is not None])
            else:
                self._collect()
                self.ledger.set_fact("search_seconds", time.monotonic() - started)
        study_file.update(proposals.study)
        self._report()

    def _confirm(self) -> None:
        """Train members of the front and yardsticks on more seeds, round by round, until the front holds still."""
        confirm = self.config.confirm
        if confirm is None:
            return
        rounds: list[list[list[str | int]]] = self.ledger.fact("confirm_rounds") or []
        spent = 0
        number = 0
        self._begin("confirm", confirm.trainings)
        while True:
            if number < len(rounds):
                jobs = [self._job(Placement.parse(str(placement)), int(seed)) for placement, seed in rounds[number]]
            else:
                jobs = self._lacking(confirm.seeds)[: confirm.trainings - spent]
                if not jobs:
                    return
                rounds.append([[str(job.placement), job.seed] for job in jobs])
                self.ledger.set_fact("confirm_rounds", rounds)
            self._train(jobs)
            spent += len(jobs)
            number += 1

    def _finish(self) -> None:
        """Read the test split once, for the front and the yardsticks, and time them."""
        summaries = summarise(self.results.values())
        members = [row.placement for row in front_of(summaries, self.config.objective.cost)]
        placements = list(dict.fromkeys([*members, *self.yardsticks.values()]))
        self._begin("test", len(placements))
        self.prices.measure_latencies(placements)
        known = self.ledger.tests()
        for placement in placements:
            for evaluation in self.results.values():
                if evaluation.placement != placement or evaluation.state != "complete" or evaluation.key in known:
                    continue
                score = self.evaluator.test(evaluation)
                self.ledger.add_test(evaluation.key, accuracy=score.accuracy, cross_entropy=score.cross_entropy)
            self.done += 1
            self._report()
        self.ledger.set_fact("finished", True)

    # Search

    def _new_proposals(self) -> Proposals:
        config = self.config
        proposals = Proposals(
            config.search_space,
            sampler=config.search.sampler,
            seed=config.search.seed,
            cost=config.objective.cost,
            name=config.name,
        )
        for label, placement in self.yardsticks.items():
            evaluation = self.results[self._job(placement, 0).key]
            if placement in config.search_space and evaluation.accuracy is not None:
                cost = self.prices.of(placement)[config.objective.cost]
                proposals.add_known(
                    placement,
                    accuracy=evaluation.accuracy,
                    cost=cost,
                    constraints=self._constraints(placement, has_failed=False),
                    label=label,
                )
        return proposals

    def _within_budget(self, trained: int, started: float, is_recorded: bool) -> bool:
        """Return whether another proposal may follow; one that an earlier run made in its hours may in any case."""
        budget = self.config.search
        if budget.trainings is not None:
            return trained < budget.trainings
        assert budget.hours is not None
        share = (time.monotonic() - started) / (3600 * budget.hours)
        self.done, self.total = min(share, 1.0), 1.0
        return share < 1 or is_recorded

    def _fresh_placement(self, seeds: Counter[Placement], number: int) -> Placement | None:
        """Return a random placement that keeps the budgets and has a seed left; None if there is no such placement."""
        space = self.config.search_space
        order = np.random.default_rng(derive_seed(self.config.search.seed, "fresh", number))
        for index in order.permutation(len(space)) if len(space) <= 10**6 else order.integers(len(space), size=10**4):
            placement = space.placement_at(int(index))
            if seeds[placement] < self.config.search.seeds and self.prices.within_limits(placement):
                return placement
        return None

    def _tell(self, proposals: Proposals, number: int, job: Job | None, placement: Placement) -> None:
        last = self.results[job.key] if job is not None else None
        if last is not None and last.reason == "crashed":
            proposals.tell_failed(number)
            return
        accuracy = self._mean_accuracy(placement, up_to=job)
        has_failed = accuracy is None or (last is not None and last.state == "failed")
        constraints = self._constraints(placement, has_failed=has_failed)
        if accuracy is None or max(constraints.values()) > 0:
            # Finite and pessimistic: a sampler that is told nothing proposes a doomed placement again and again.
            told = [trial.values[0] for trial in proposals.study.get_trials(deepcopy=False) if trial.values]
            accuracy = min(told, default=0.0)
        cost = self.prices.of(placement)[self.config.objective.cost]
        proposals.tell(number, accuracy=accuracy, cost=cost, constraints=constraints)

    def _constraints(self, placement: Placement, *, has_failed: bool) -> dict[str, float]:
        """Return what the sampler is told to keep at or below 0."""
        excess = {f"{name} over its limit": share for name, share in self.prices.excess(placement).items()}
        return excess | {"training failed": 1.0 if has_failed else -1.0}

    def _mean_accuracy(self, placement: Placement, *, up_to: Job | None) -> float | None:
        """Return the mean over the seeds that this search has spent on a placement up to a job's."""
        last_seed = up_to.seed if up_to is not None else self.config.search.seeds - 1
        rows = [self.results.get(self._job(placement, seed).key) for seed in range(last_seed + 1)]
        accuracies = [row.accuracy for row in rows if row is not None and row.accuracy is not None]
        return float(np.mean(accuracies)) if accuracies else None

    def _lacking(self, seeds: int) -> list[Job]:
        """Return the next trainings that members of the front and yardsticks lack to have `seeds` seeds each."""
        members = [row.placement for row in front_of(summarise(self.results.values()), self.config.objective.cost)]
        placements = dict.fromkeys([*self.yardsticks.values(), *members])
        jobs = [self._job(placement, seed) for placement in placements for seed in range(seeds)]
        lacking = [job for job in jobs if job.key not in self.results]
        # One seed a round: the front moves with each, and what has left it needs no more.
        return [job for job in lacking if job.seed == min(each.seed for each in lacking)]

    # Trainings

    def _job(self, placement: Placement, seed: int) -> Job:
        return Job(placement=placement, seed=seed, epochs=self.config.training.epochs)

    def _train(self, jobs: Iterable[Job]) -> None:
        """Train jobs that are not in the ledger yet, and wait for all of them."""
        waiting = {job.key for job in jobs if self._start(job)}
        self.done += len([job for job in jobs if job.key not in waiting])
        while waiting:
            finished = {evaluation.key for evaluation in self._collect()}
            self.done += len(waiting & finished)
            waiting -= finished
            self._report()

    def _start(self, job: Job) -> bool:
        """Submit a job unless its result is known; return whether there is something to wait for."""
        if job.key in self.results:
            return False
        if job.key not in self.in_flight:
            self.in_flight.add(job.key)
            self.executor.submit(job)
        return True

    def _collect(self) -> list[Evaluation]:
        """Commit what has finished."""
        finished = []
        for returned in self.executor.wait():
            evaluation = replace(returned, costs=self.prices.of(returned.placement))
            self.ledger.add(evaluation)
            self.results[evaluation.key] = evaluation
            self.in_flight.discard(evaluation.key)
            finished.append(evaluation)
            self._watch_failures(evaluation)
        self._report()
        return finished

    def _watch_failures(self, evaluation: Evaluation) -> None:
        self.failures_in_a_row = self.failures_in_a_row + 1 if evaluation.state == "failed" else 0
        if self.failures_in_a_row >= self.config.run.stop_after_failures:
            raise TooManyFailures(
                f"{self.failures_in_a_row} trainings failed in a row, last {evaluation.placement} on seed "
                f"{evaluation.seed}: {evaluation.reason}: {evaluation.message}"
            )

    # Progress

    def _begin(self, phase: str, total: float) -> None:
        self.phase, self.done, self.total = phase, 0, total
        self._report()

    def _report(self) -> None:
        if self._standing is None or self._standing[0] != len(self.results):
            cost = self.config.objective.cost
            standing = standing_of(self.results.values(), cost, self.prices.range_of(cost))
            self._standing = (len(self.results), standing)
        running = self.executor.epochs_done / self.config.training.epochs
        self.observer(
            Progress(
                phase=self.phase,
                done=min(self.done + running, self.total),
                total=self.total,
                trained=len(self.results),
                failed=sum(row.state == "failed" for row in self.results.values()),
                standing=self._standing[1],
            )
        )
