"""The trainings of one study: what is known, what is running, and how a result becomes a row of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seplace.errors import TooManyFailures
from seplace.results import Evaluation, EvaluationKey, Job

if TYPE_CHECKING:
    from seplace.config import StudyConfig
    from seplace.executors.executor import Executor
    from seplace.ledger import Ledger
    from seplace.placement import Placement
    from seplace.search.prices import Prices


class Trainings:
    """Starts trainings that the ledger does not know, and commits their results."""

    def __init__(self, config: StudyConfig, *, ledger: Ledger, executor: Executor, prices: Prices) -> None:
        self.config = config
        self.ledger = ledger
        self.executor = executor
        self.prices = prices
        self.results: dict[EvaluationKey, Evaluation] = {row.key: row for row in ledger.evaluations()}
        """Of the full length; what stopped at a rung is no result."""
        self.rungs: dict[EvaluationKey, Evaluation] = {row.key: row for row in ledger.rungs()}
        self._in_flight: set[EvaluationKey] = set()
        self._failures_in_a_row = 0

    def job(self, placement: Placement, seed: int, *, epochs: int | None = None) -> Job:
        """Return the training of a placement on a seed, to its end or to a rung."""
        return Job(placement=placement, seed=seed, epochs=epochs or self.config.training.epochs)

    def answer(self, job: Job) -> Evaluation | None:
        """Return what is known of a job: its result, or that of the whole training which it is a part of."""
        return self.rungs.get(job.key) or self.results.get(self.job(job.placement, job.seed).key)

    def start(self, job: Job) -> bool:
        """Submit a job unless its result is known; return whether there is something to wait for."""
        if self.answer(job) is not None:
            return False
        if job.key not in self._in_flight:
            self._in_flight.add(job.key)
            self.executor.submit(job)
        return True

    def collect(self) -> list[Evaluation]:
        """Wait a short while, and commit what has finished."""
        finished = []
        for returned in self.executor.wait():
            self._in_flight.discard(returned.key)
            evaluation = replace(returned, costs=self.prices.of(returned.placement))
            if evaluation.state == "failed":  # at a rung or not: it will have no result
                evaluation = replace(evaluation, epochs=self.config.training.epochs)
            if evaluation.epochs < self.config.training.epochs:
                self.ledger.add_rung(evaluation)
                self.rungs[evaluation.key] = evaluation
            else:
                self.ledger.add(evaluation)
                self.results[evaluation.key] = evaluation
            finished.append(evaluation)
        for evaluation in finished:  # all are committed before the run may end
            self._watch_failures(evaluation)
        return finished

    def train(self, jobs: Sequence[Job], *, on_done: Callable[[int], None]) -> None:
        """Train jobs, those that are not in the ledger yet, and wait for all; `on_done` hears of how many are done."""
        waiting = {job.key for job in jobs if self.start(job)}
        on_done(len(jobs) - len(waiting))
        while waiting:
            waiting -= {evaluation.key for evaluation in self.collect()}
            on_done(len(jobs) - len(waiting))

    def mean_accuracy(self, placement: Placement, *, seeds: Iterable[int]) -> float | None:
        """Return the mean over those of the seeds that gave a result; None without any."""
        rows = [self.results.get(self.job(placement, seed).key) for seed in seeds]
        accuracies = [row.accuracy for row in rows if row is not None and row.accuracy is not None]
        return float(np.mean(accuracies)) if accuracies else None

    def refuse_if_all_failed(self) -> None:
        """Raise TooManyFailures where no training gave a result: there is nothing to recommend, nor to learn from."""
        if all(row.accuracy is None for row in self.results.values()):
            *_, last = self.results.values()
            raise TooManyFailures(f"none of {len(self.results)} trainings finished, {_told_last(last)}")

    def _watch_failures(self, evaluation: Evaluation) -> None:
        self._failures_in_a_row = self._failures_in_a_row + 1 if evaluation.state == "failed" else 0
        if self._failures_in_a_row >= self.config.run.stop_after_failures:
            raise TooManyFailures(f"{self._failures_in_a_row} trainings failed in a row, {_told_last(evaluation)}")


def _told_last(failed: Evaluation) -> str:
    return f"last {failed.placement} on seed {failed.seed}: {failed.reason}: {failed.message}"
