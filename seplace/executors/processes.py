"""Trainings in worker processes of this machine, each with its threads and its GPU, or a share of one.

If a worker dies, its job goes on in a new worker from the last checkpoint, at most `max_retries` times. A worker whose
job takes longer than the study's time limit is killed, and the job fails. Workers end with their parent.
"""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from seplace.errors import SeplaceError
from seplace.executors.executor import EvaluatorMaker, failed_evaluation
from seplace.executors.worker import begin
from seplace.results.evaluation import Evaluation, Job

_POLL_SECONDS = 0.5
_EXIT_SECONDS = 1.0
"""The time that a worker has to end by itself after it has closed its connection."""


@dataclass
class _Attempt:
    job: Job
    attempts: int = 1
    epochs_done: int = 0
    begun: float | None = None
    """The time at which a worker began it."""

    @property
    def seconds(self) -> float:
        """The time since it began."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun


class Processes:
    """Keeps up to `workers` processes busy; each takes one job at a time."""

    def __init__(
        self, maker: EvaluatorMaker, *, workers: int, max_retries: int, on_progress: Callable[[], None]
    ) -> None:
        self.max_retries = max_retries
        self.timeout_minutes = maker.config.run.timeout_minutes
        self.on_progress = on_progress
        self.queue: deque[_Attempt] = deque()
        self.workers = [_Worker(number, maker) for number in range(workers)]
        self._errors: list[Exception] = []

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.queue) + sum(worker.attempt is not None for worker in self.workers)

    @property
    def epochs_done(self) -> int:
        """Epochs finished of the jobs that are running."""
        return sum(worker.attempt.epochs_done for worker in self.workers if worker.attempt is not None)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.queue.append(_Attempt(job))
        self._dispatch()

    def wait(self) -> list[Evaluation]:
        """Wait up to half a second for a worker, and return the evaluations that have finished.

        Raises the error of a worker, after the evaluations that others have finished meanwhile were returned.
        """
        if self._errors:
            raise self._errors[0]
        busy = [worker for worker in self.workers if worker.attempt is not None]
        wait([worker.connection for worker in busy], timeout=_POLL_SECONDS)
        finished = [evaluation for worker in busy for evaluation in self._receive(worker)]
        if self._errors and not finished:
            raise self._errors[0]
        self._dispatch()
        self.on_progress()
        return finished

    def close(self) -> None:
        """Kill the workers; unfinished trainings keep their checkpoints."""
        self.queue.clear()
        for worker in self.workers:
            worker.kill()

    def _dispatch(self) -> None:
        for worker in self.workers:
            if worker.attempt is None and self.queue and not self._errors:
                worker.start(self.queue.popleft())

    def _receive(self, worker: _Worker) -> list[Evaluation]:
        attempt = worker.attempt
        assert attempt is not None
        messages, is_gone = worker.receive()
        for message in messages:
            if isinstance(message, int):
                attempt.epochs_done = message
                attempt.begun = attempt.begun or time.monotonic()
                continue
            worker.attempt = None
            if isinstance(message, Evaluation):
                return [replace(message, attempts=attempt.attempts)]
            # Bad data, a full disk or a missing device are the same for every job: they end the run, as a bug does.
            self._errors.append(message if isinstance(message, SeplaceError) else WorkerError(message))
            return []
        if is_gone:
            return self._retry(worker, attempt)
        return [] if self.timeout_minutes is None else self._end_late(worker, attempt, self.timeout_minutes)

    def _end_late(self, worker: _Worker, attempt: _Attempt, minutes: float) -> list[Evaluation]:
        """Kill a worker whose job has exceeded its time; return the failed evaluation of the job."""
        seconds = attempt.seconds
        if seconds <= 60 * minutes:
            return []
        worker.kill()
        worker.attempt = None
        message = f"it took longer than the {minutes:g} minutes that a training may take (run: timeout_minutes)"
        timed_out = failed_evaluation(attempt.job, reason="timeout", message=message, attempts=attempt.attempts)
        return [replace(timed_out, seconds=seconds)]

    def _retry(self, worker: _Worker, attempt: _Attempt) -> list[Evaluation]:
        """Queue the job of a dead worker again, or return its failed evaluation after the last retry."""
        code = worker.kill(after=_EXIT_SECONDS)
        worker.attempt = None
        if attempt.attempts <= self.max_retries:
            self.queue.appendleft(_Attempt(attempt.job, attempts=attempt.attempts + 1))
            return []
        message = f"its worker process died {attempt.attempts} times, last with exit code {code}"
        return [failed_evaluation(attempt.job, reason="crashed", message=message, attempts=attempt.attempts)]


class WorkerError(RuntimeError):
    """A bug inside a worker; the argument is the worker's traceback."""


class _Worker:
    """One process at a time: started with its first job, and again after a death."""

    def __init__(self, number: int, maker: EvaluatorMaker) -> None:
        self.number = number
        self.maker = maker
        self.attempt: _Attempt | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, attempt: _Attempt) -> None:
        if not self.is_alive:
            self.kill()
            self.process, self.connection = begin(self.maker, number=self.number)
        self.attempt = attempt
        with suppress(OSError):  # a process that has died meanwhile is noticed during the wait
            self.connection.send(attempt.job)

    def receive(self) -> tuple[list[Any], bool]:
        """Return the messages of the process, and whether it has ended and will send no more."""
        is_gone = not self.is_alive  # checked first: its last messages are received below
        messages = []
        try:
            while self.connection.poll():
                messages.append(self.connection.recv())
        except (EOFError, OSError):
            is_gone = True
        return messages, is_gone

    def kill(self, *, after: float = 0.0) -> int | None:
        """Kill the process after some seconds in which it may end by itself, and return its exit code."""
        if self.process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=after)
        self.process.kill()
        code, self.process = self.process.wait(), None
        self.connection.close()
        return code
