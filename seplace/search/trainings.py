"""The trainings of a search: those that are known, those that run, and how a result becomes a row of the ledger."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from seplace.errors import TooManyFailures, UserCodeError
from seplace.results.evaluation import Evaluation, EvaluationKey, Job
from seplace.search.added import added_keys, at_rung, note_added
from seplace.search.attempts import Attempts, Streak

if TYPE_CHECKING:
    from seplace.executors.executor import Executor
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.ledger import Ledger
    from seplace.search.attempts import FailureRules
    from seplace.search.cost_table import PlacementCosts

_SILENCE = 1800.0
"""The seconds without any word of an executor that runs trainings, after which a warning says so."""


class Trainings:
    """Starts the trainings that the ledger lacks, and commits their results."""

    def __init__(
        self,
        *,
        length: int,
        failure_rules: FailureRules,
        ledger: Ledger,
        executor: Executor,
        costs: PlacementCosts,
        retry_failed: bool,
        is_search: bool = True,
    ) -> None:
        """Take the epochs of a whole training, and what trains and records; `retry_failed` replaces all failures.

        Unless `is_search`, all results of the ledger are known here, and new ones are added beside the search.
        """
        self.length = length
        self.failure_rules = failure_rules
        self.ledger = ledger
        self.executor = executor
        self.costs = costs
        self.is_front_of_space = bool(ledger.fact("front_of_space"))
        """Whether baselines beside the space stay off the front; not in studies that began with version 0.10."""
        self.confirms_each_once = bool(ledger.fact("confirms_each_once"))
        """Whether a confirmation counts a training of the plain backbone once that two questions ask for.

        Not in studies that began with version 0.16 or before, which go on as they would have, nor in replays.
        """
        self.results, failed = ledger.stored_evaluations()
        """Results of the full length, without trainings that stopped at a rung and failures that will be repeated."""
        self.is_search = is_search
        self._added_keys = added_keys(ledger)
        self.added: dict[EvaluationKey, Evaluation] = {}
        """The results that were added beside the search, and that it has not come to."""
        if is_search:
            self.added = {key: self.results.pop(key) for key in self._added_keys if key in self.results}
        failed = [key for key in failed if key not in self.added]
        known = [self.results[key] for key in failed]
        self.attempts = Attempts(failure_rules, known, ledger.failures(), retry_failed=retry_failed)
        for key in self.attempts.replaced:
            del self.results[key]
        self.failed_keys = set(failed) - set(self.attempts.replaced)
        """The keys of results that are failures."""
        self.rungs: dict[EvaluationKey, Evaluation] = {row.key: row for row in ledger.rungs()}
        self.news: list[Evaluation] = []
        """The trainings that have finished since an observer was last called."""
        self.unwritten: list[Evaluation] = []
        """What was committed, and is not in the file of Optuna yet."""
        self._ended: dict[EvaluationKey, datetime] = {}
        self._in_flight: set[EvaluationKey] = set()
        self._failed_in_a_row: set[EvaluationKey] = set()
        self._streak: Streak | None = None
        self._last_news = (time.monotonic(), 0)
        """When the executor last had news, and the epochs that had finished then."""

    def job(self, placement: Placement, seed: int, *, epochs: int | None = None) -> Job:
        """Return the training of a placement on a seed, to its end or to a rung."""
        return Job(placement=placement, seed=seed, epochs=epochs or self.length)

    def answer(self, job: Job) -> Evaluation | None:
        """Return the result of a job, or that of the whole training that includes it; None if there is neither."""
        return self.rungs.get(job.key) or self.results.get((str(job.placement), job.seed, self.length))

    def start(self, job: Job) -> bool:
        """Submit a job unless its result is known. Return whether there is something to wait for."""
        if self.added:
            self._take_added(job)
        if self.answer(job) is not None:
            return False
        if job.key not in self._in_flight:
            if not self._in_flight:
                self._last_news = (time.monotonic(), 0)
            self._in_flight.add(job.key)
            self.executor.submit(job)
        return True

    def _take_added(self, job: Job) -> None:
        """Take the result of a job, or of its rung, from the trainings that were added; it is the search's from now on.

        A failed one is trained again, as it would be had it not been added.
        """
        whole = self.job(job.placement, job.seed).key
        row = self.added.get(whole)
        if row is None or self.answer(job) is not None:
            return
        if job.key != whole:
            rung = at_rung(row, job.epochs)
            if rung is not None:
                self.ledger.add_rung(rung)
                self.rungs[rung.key] = rung
            return
        del self.added[whole]
        self._added_keys.discard(whole)
        note_added(self.ledger, self._added_keys)
        if row.state == "complete":
            self.results[whole] = row
        else:
            self.attempts.replaced[whole] = row

    def collect(self) -> list[Evaluation]:
        """Wait a short while, then commit and return what has finished; failures of the machine are queued again."""
        finished, failed = [], []
        all_returned = _evaluations(self.executor.wait())
        self._watch_executor(all_returned)
        for returned in all_returned:
            if returned.key not in self._in_flight:
                raise UserCodeError(f"the executor's wait returns an evaluation that was not submitted: {returned.key}")
            self._refuse_other_images(returned)
            self._in_flight.discard(returned.key)
            evaluation = replace(returned, costs=self.costs.of(returned.placement))
            if evaluation.state == "failed":  # at a rung or not: it will have no result
                evaluation = replace(evaluation, epochs=self.length)
                if self.attempts.grant_retry(evaluation):
                    self.ledger.add_failure(evaluation)
                    failed.append((evaluation, returned.epochs))
                    continue
            finished.append(self._commit(evaluation))
        self.news += finished
        for evaluation in (*finished, *(each for each, _ in failed)):  # all are committed before the run may end
            self._watch_failures(evaluation)
        for evaluation, epochs in failed:
            self.start(self.job(evaluation.placement, evaluation.seed, epochs=epochs))
        return finished

    def _watch_executor(self, returned: Sequence[Evaluation]) -> None:
        """Raise UserCodeError where an executor has lost trainings, and warn where it is silent for long."""
        lost = 0 if returned else len(self._in_flight) - self.executor.running
        if lost > 0:
            raise UserCodeError(f"the executor has lost {lost} of {len(self._in_flight)} trainings: they do not run")
        now, epochs = time.monotonic(), self.executor.epochs_done
        if returned or epochs != self._last_news[1]:
            self._last_news = (now, epochs)
        elif now - self._last_news[0] > _SILENCE:
            self._last_news = (float("inf"), epochs)
            warnings.warn(
                f"no training has ended or finished an epoch for {_SILENCE / 60:.0f} minutes, and "
                f"{self.executor.running} run; timeout_minutes in the block `run` of the study ends those that hang",
                stacklevel=2,
            )

    def _refuse_other_images(self, returned: Evaluation) -> None:
        """Raise UserCodeError where an evaluation says of other images than the validation images what was right."""
        if returned.samples is None:
            return
        images = (self.ledger.fact("images") or {}).get("validation_images")
        if images is not None and returned.samples.count != images:
            is_bits = returned.correct is not None
            said = "the evaluator says in correct of" if is_bits else "sample_scores has numbers of"
            of_each = "images whether they are right" if is_bits else "samples"
            noun = "images" if is_bits else "samples"
            raise UserCodeError(
                f"{returned.placement}, seed {returned.seed}: {said} {returned.samples.count:,} {of_each}, and there "
                f"are {images:,} validation {noun}"
            )

    def _commit(self, returned: Evaluation) -> Evaluation:
        """Commit a result; it replaces a failure of an earlier run."""
        whole = self.job(returned.placement, returned.seed).key
        evaluation = self.attempts.counted(returned, whole)
        self._ended[evaluation.key] = datetime.now(UTC)
        replaced = self.attempts.replaced.pop(whole, None)
        if evaluation.state == "complete":
            self._streak = None
        else:
            self._streak = self._streak or Streak(self.ledger)
            self._streak.failed.append(evaluation)
        if evaluation.key == whole:
            if not self.is_search and replaced is None:
                self._added_keys.add(whole)
                note_added(self.ledger, self._added_keys)
            self.ledger.add(evaluation, instead_of=replaced)
            self.results[whole] = evaluation
            if evaluation.state == "failed":
                self.failed_keys.add(whole)
        else:
            self.ledger.add_rung(evaluation, instead_of=replaced)
            self.rungs[evaluation.key] = evaluation
        self.unwritten.append(evaluation)
        return evaluation

    @property
    def stopped(self) -> list[Evaluation]:
        """The trainings that stopped at a rung, at the last that each has reached."""
        last = {row.key[:2]: row for row in sorted(self.rungs.values(), key=lambda row: row.epochs)}
        return [row for (text, seed), row in last.items() if (text, seed, self.length) not in self.results]

    @property
    def failed(self) -> int:
        """The number of results that are failures."""
        return len(self.failed_keys)

    def times(self, evaluation: Evaluation) -> tuple[datetime, datetime] | None:
        """Return when a training of this run began and ended, in UTC; None for one of an earlier run."""
        ended = self._ended.get(evaluation.key)
        return None if ended is None else (ended - timedelta(seconds=evaluation.seconds), ended)

    def train(self, jobs: Sequence[Job], *, on_done: Callable[[int], None], needed: Placement | None = None) -> None:
        """Train the jobs that the ledger lacks and wait for all; `on_done` is called with the number that are done.

        Raises TooManyFailures as soon as the first training of `needed` has failed by itself: what the others gave
        would be compared with nothing.
        """
        self._refuse_own_failure(needed)
        waiting = {job.key for job in jobs if self.start(job)}
        on_done(len(jobs) - len(waiting))
        while waiting:
            waiting -= {evaluation.key for evaluation in self.collect()}
            self._refuse_own_failure(needed)
            on_done(len(jobs) - len(waiting))

    def mean_score(self, placement: Placement, metric: Metric, *, seeds: Iterable[int]) -> float | None:
        """Return the mean score over the seeds that have a result; None without any."""
        rows = [self.results.get((str(placement), seed, self.length)) for seed in seeds]
        scores = [metric.score(row.value) for row in rows if row is not None and row.value is not None]
        return float(np.mean(scores)) if scores else None

    def refuse_without(self, placement: Placement) -> None:
        """Raise TooManyFailures if the first training of a placement failed with which all others are compared."""
        row = self.results[self.job(placement, 0).key]
        if row.state == "failed":
            raise TooManyFailures(f"what everything is compared with has failed: {self.failure_rules.describe(row)}")

    def _refuse_own_failure(self, placement: Placement | None) -> None:
        row = None if placement is None else self.results.get(self.job(placement, 0).key)
        if placement is None or row is None or row.state == "complete" or self.failure_rules.is_machine_failure(row):
            return
        self.refuse_without(placement)

    def refuse_if_all_failed(self) -> None:
        """Raise TooManyFailures if no training has a result."""
        if all(row.value is None for row in self.results.values()):
            *_, last = self.results.values()
            last_failure = self.failure_rules.describe(last)
            raise TooManyFailures(f"none of {len(self.results)} trainings finished, last {last_failure}")

    def _watch_failures(self, evaluation: Evaluation) -> None:
        if evaluation.state == "complete":
            self._failed_in_a_row.clear()
        elif evaluation.key not in self.attempts.failed_before:
            self._failed_in_a_row.add(evaluation.key)
        if len(self._failed_in_a_row) < self.failure_rules.stop_after:
            return
        if self._streak is not None and all(self.failure_rules.is_machine_failure(row) for row in self._streak.failed):
            self._streak.withdraw()
        raise self._too_many(len(self._failed_in_a_row), evaluation)

    def refuse_a_bad_end(self) -> None:
        """Raise TooManyFailures if the last trainings of this run all failed, including repeated ones."""
        failed = [] if self._streak is None else self._streak.failed
        news = [row for row in failed if row.key not in self.attempts.had_failed]
        if len(news) >= self.failure_rules.stop_after:
            raise self._too_many(len(news), news[-1])

    def _too_many(self, count: int, last: Evaluation) -> TooManyFailures:
        return TooManyFailures(f"{count} trainings failed in a row, last {self.failure_rules.describe(last)}")


def _evaluations(returned: object) -> list[Evaluation]:
    """Return what an executor's `wait` has returned; raises UserCodeError unless it is a list of evaluations."""
    if not isinstance(returned, list) or not all(isinstance(each, Evaluation) for each in returned):
        raise UserCodeError(f"the executor's wait returns a list of evaluations (got {returned!r})")
    return returned
