"""The jobs of an executor whose workers may die: those that wait, and what becomes of one whose worker has ended."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace

from seplace.errors import SeplaceError
from seplace.executors.executor import failed_evaluation
from seplace.results.evaluation import Evaluation, Job


class WorkerError(RuntimeError):
    """A bug inside a worker; the argument is the worker's traceback."""


@dataclass
class Attempt:
    """One attempt at a job."""

    job: Job
    attempts: int = 1
    """Its number, from 1."""
    epochs_done: int = 0
    begun: float | None = None
    """The time at which a worker began it."""
    at_most: int | None = None
    """The most trainings that may run on its device meanwhile, itself included; None where memory has not run out."""
    backed_off: int = 0
    """The attempts before it that ran out of memory beside others."""

    @property
    def seconds(self) -> float:
        """The time since it began."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun


class Jobs:
    """The jobs that wait for a worker, and the errors that will end the run."""

    def __init__(self, *, max_retries: int, timeout_minutes: float | None) -> None:
        self.max_retries = max_retries
        self.timeout_minutes = timeout_minutes
        self.waiting: deque[Attempt] = deque()
        self._errors: list[Exception] = []

    def add(self, job: Job) -> None:
        """Queue a job."""
        self.waiting.append(Attempt(job))

    def take(self) -> Attempt | None:
        """Return the next job; None where none waits, or the run is about to end."""
        return self.waiting.popleft() if self.waiting and not self._errors else None

    def raise_error(self) -> None:
        """Raise the first error of a worker, if there is one."""
        if self._errors:
            raise self._errors[0]

    def progress(self, attempt: Attempt, epochs: int) -> None:
        """Note that a worker has begun a job, with epochs 0, or has finished an epoch."""
        attempt.epochs_done = epochs
        attempt.begun = attempt.begun or time.monotonic()

    def answer(self, attempt: Attempt, answer: Evaluation | SeplaceError | str) -> list[Evaluation]:
        """Return the evaluation that a worker has sent for a job, or keep its error."""
        if isinstance(answer, Evaluation):
            return [replace(answer, attempts=attempt.attempts)]
        self.fail(answer)
        return []

    def fail(self, error: SeplaceError | str) -> None:
        """Keep an error of a worker, which ends the run; a text is the traceback of a bug.

        Bad data, a full disk or a missing device are the same for every job: they end the run, as a bug does.
        """
        self._errors.append(error if isinstance(error, SeplaceError) else WorkerError(error))

    def retry(self, attempt: Attempt, *, death: str) -> list[Evaluation]:
        """Queue the job of a dead worker again, or return its failed evaluation after the last retry.

        `death` says how the worker died, as in `its worker process died 2 times, last with exit code -9`.
        """
        if attempt.attempts - attempt.backed_off <= self.max_retries:
            again = replace(attempt, attempts=attempt.attempts + 1, epochs_done=0, begun=None)
            self.waiting.appendleft(again)
            return []
        message = f"its worker process died {attempt.attempts} times, last {death}"
        return [failed_evaluation(attempt.job, reason="crashed", message=message, attempts=attempt.attempts)]

    def back_off(self, attempt: Attempt, *, at_most: int) -> None:
        """Queue a job that ran out of memory again, to be trained when fewer run on its device."""
        again = replace(
            attempt,
            attempts=attempt.attempts + 1,
            backed_off=attempt.backed_off + 1,
            at_most=at_most,
            epochs_done=0,
            begun=None,
        )
        self.waiting.appendleft(again)

    def timed_out(self, attempt: Attempt) -> list[Evaluation]:
        """Return the failed evaluation of a job that has exceeded its time, whose worker is then to be killed."""
        minutes, seconds = self.timeout_minutes, attempt.seconds
        if minutes is None or seconds <= 60 * minutes:
            return []
        message = f"it took longer than the {minutes:g} minutes that a training may take (run: timeout_minutes)"
        late = failed_evaluation(attempt.job, reason="timeout", message=message, attempts=attempt.attempts)
        return [replace(late, seconds=seconds)]
