"""Trainings in worker processes of this machine, each with its threads and its GPU, or a share of one.

If a worker dies, its job goes on in a new worker from the last checkpoint, at most `max_retries` times. A worker whose
job takes longer than the study's time limit is killed, and the job fails. Workers end with their parent.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from seplace.executors.executor import EvaluatorMaker
from seplace.executors.retries import Attempt, Jobs
from seplace.executors.worker import begin
from seplace.results.evaluation import Evaluation, Job

_POLL_SECONDS = 0.5
_EXIT_SECONDS = 1.0
"""The time that a worker has to end by itself after it has closed its connection."""


class Processes:
    """Keeps up to `workers` processes busy; each takes one job at a time."""

    def __init__(
        self, maker: EvaluatorMaker, *, workers: int, max_retries: int, on_progress: Callable[[], None]
    ) -> None:
        self.jobs = Jobs(max_retries=max_retries, timeout_minutes=maker.config.run.timeout_minutes)
        self.on_progress = on_progress
        threads = maker.config.run.threads
        self.workers = [_Worker(number, maker, threads=threads) for number in range(workers)]

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.jobs.waiting) + sum(worker.attempt is not None for worker in self.workers)

    @property
    def epochs_done(self) -> int:
        """Epochs finished of the jobs that are running."""
        return sum(worker.attempt.epochs_done for worker in self.workers if worker.attempt is not None)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.jobs.add(job)
        self._dispatch()

    def wait(self) -> list[Evaluation]:
        """Wait up to half a second for a worker, and return the evaluations that have finished.

        Raises the error of a worker, after the evaluations that others have finished meanwhile were returned.
        """
        self.jobs.raise_error()
        busy = [worker for worker in self.workers if worker.attempt is not None]
        wait([worker.connection for worker in busy], timeout=_POLL_SECONDS)
        finished = [evaluation for worker in busy for evaluation in self._receive(worker)]
        if not finished:
            self.jobs.raise_error()
        self._dispatch()
        self.on_progress()
        return finished

    def close(self) -> None:
        """Kill the workers; unfinished trainings keep their checkpoints."""
        self.jobs.waiting.clear()
        for worker in self.workers:
            worker.kill()

    def _dispatch(self) -> None:
        for worker in self.workers:
            if worker.attempt is None and (attempt := self.jobs.take()) is not None:
                worker.start(attempt)

    def _receive(self, worker: _Worker) -> list[Evaluation]:
        attempt = worker.attempt
        assert attempt is not None
        messages, is_gone = worker.receive()
        for message in messages:
            if isinstance(message, int):
                self.jobs.progress(attempt, message)
                continue
            worker.attempt = None
            return self.jobs.answer(attempt, message)
        if is_gone:
            code = worker.kill(after=_EXIT_SECONDS)
            worker.attempt = None
            return self.jobs.retry(attempt, death=f"with exit code {code}")
        if late := self.jobs.timed_out(attempt):
            worker.kill()
            worker.attempt = None
        return late


class _Worker:
    """One process at a time: started with its first job, and again after a death."""

    def __init__(self, number: int, maker: EvaluatorMaker, *, threads: int) -> None:
        self.number = number
        self.maker = maker
        self.threads = threads
        self.attempt: Attempt | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, attempt: Attempt) -> None:
        if not self.is_alive:
            self.kill()
            self.process, self.connection = begin(self.maker, number=self.number, threads=self.threads)
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
