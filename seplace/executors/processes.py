"""Trainings in worker processes of this machine, each with its threads, and its GPU or its share of one.

A worker that dies takes only its own job with it: the job goes to a fresh worker, from its last checkpoint, at most
`max_retries` times. Workers end with their parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from seplace.errors import SeplaceError
from seplace.executors.executor import EvaluatorMaker, failed
from seplace.results import Evaluation, Job

_POLL_SECONDS = 0.5
_CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork


@dataclass
class _Attempt:
    job: Job
    attempts: int = 1
    epochs_done: int = 0


class Processes:
    """Keeps up to `workers` processes busy; each takes one job at a time."""

    def __init__(
        self, maker: EvaluatorMaker, *, workers: int, max_retries: int, on_progress: Callable[[], None]
    ) -> None:
        self.max_retries = max_retries
        self.on_progress = on_progress
        self.queue: deque[_Attempt] = deque()
        self.workers = [_Worker(number, maker) for number in range(workers)]

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
        self._deal()

    def wait(self) -> list[Evaluation]:
        """Wait up to half a second for a worker to report, and return what has finished."""
        busy = [worker for worker in self.workers if worker.attempt is not None]
        waited_for = {worker.connection: worker for worker in busy} | {worker.sentinel: worker for worker in busy}
        reported = wait(list(waited_for), timeout=_POLL_SECONDS)
        finished: list[Evaluation] = []
        for worker in dict.fromkeys(waited_for[each] for each in reported):  # type: ignore[index]
            finished += self._hear(worker)
        self._deal()
        self.on_progress()
        return finished

    def close(self) -> None:
        """Kill the workers; unfinished trainings keep their checkpoints."""
        self.queue.clear()
        for worker in self.workers:
            worker.kill()

    def _deal(self) -> None:
        for worker in self.workers:
            if worker.attempt is None and self.queue:
                worker.start(self.queue.popleft())

    def _hear(self, worker: _Worker) -> list[Evaluation]:
        attempt = worker.attempt
        assert attempt is not None
        try:
            while worker.connection.poll():
                message = worker.connection.recv()
                if isinstance(message, int):
                    attempt.epochs_done = message
                    continue
                worker.attempt = None
                if isinstance(message, SeplaceError):
                    raise message  # bad data or a missing device: the same for every job
                if isinstance(message, str):
                    raise WorkerError(message)
                return [replace(message, attempts=attempt.attempts)]
        except (EOFError, OSError):
            return self._bury(worker, attempt)
        return [] if worker.alive else self._bury(worker, attempt)

    def _bury(self, worker: _Worker, attempt: _Attempt) -> list[Evaluation]:
        """Give the job of a dead worker to another, or give it up."""
        code = worker.kill()
        worker.attempt = None
        if attempt.attempts <= self.max_retries:
            self.queue.appendleft(_Attempt(attempt.job, attempts=attempt.attempts + 1))
            return []
        message = f"its worker process died {attempt.attempts} times, last with exit code {code}"
        return [failed(attempt.job, reason="crashed", message=message, attempts=attempt.attempts)]


class WorkerError(RuntimeError):
    """An error inside a worker that is a bug; its argument is the worker's traceback."""


class _Worker:
    """One process at a time: started on its first job, started anew after a death."""

    def __init__(self, number: int, maker: EvaluatorMaker) -> None:
        self.number = number
        self.maker = maker
        self.attempt: _Attempt | None = None
        self.process: SpawnProcess | None = None
        self.connection: Connection

    @property
    def sentinel(self) -> int:
        assert self.process is not None
        return self.process.sentinel

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def start(self, attempt: _Attempt) -> None:
        if not self.alive:
            self.connection, theirs = _CONTEXT.Pipe()
            self.process = _CONTEXT.Process(
                target=_work,
                args=(theirs, self.maker, self.number),
                name=f"seplace-worker-{self.number}",
                daemon=True,
            )
            self.process.start()
            theirs.close()
        self.attempt = attempt
        self.connection.send(attempt.job)

    def kill(self) -> int | None:
        """End the process and return its exit code."""
        if self.process is None:
            return None
        self.process.kill()
        self.process.join()
        self.connection.close()
        code, self.process = self.process.exitcode, None
        return code


def _work(connection: Connection, maker: EvaluatorMaker, number: int) -> None:
    """Evaluate jobs until the parent hangs up."""
    # The parent hears the signals of the terminal and of the system, and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        evaluator = maker.make(number)
        while True:
            job = connection.recv()
            connection.send(evaluator.evaluate(job, on_epoch=connection.send))
    except EOFError:
        return
    except SeplaceError as error:
        connection.send(error)
    except Exception:
        connection.send(traceback.format_exc())


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
