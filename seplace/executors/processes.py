"""Trainings in worker processes of this machine, each with its threads and its GPU, or a share of one.

Where memory runs out in a training that shares its device, it is tried again with half as many there, at last alone,
while the others wait. Where that happens to several trainings, fewer run there until the end. If a worker dies, its job
goes on in a new worker from the last checkpoint, at most `max_retries` times. A worker whose job takes longer than the
study's time limit is killed, and the job fails. Workers end with their parent.
"""

from __future__ import annotations

import signal
import subprocess
import warnings
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from multiprocessing.connection import Connection, wait
from typing import Any

from seplace.executors.executor import EvaluatorMaker, failed_evaluation
from seplace.executors.retries import Attempt, Jobs
from seplace.executors.worker import begin
from seplace.machine import memory_kills
from seplace.results.evaluation import Evaluation, EvaluationKey, Job

_POLL_SECONDS = 0.5
_SHORTAGES = 3
"""The trainings that run out of memory beside others after which fewer run on their device until the end."""

_EXIT_SECONDS = 1.0
"""The time that a worker has to end by itself after it has closed its connection."""


class Processes:
    """Keeps up to `workers` processes busy; each takes one job at a time."""

    def __init__(
        self, maker: EvaluatorMaker, *, workers: int, max_retries: int, on_progress: Callable[[], None]
    ) -> None:
        self.jobs = Jobs(max_retries=max_retries, timeout_minutes=maker.config.run.timeout_minutes)
        self.on_progress = on_progress
        self.maker = maker
        self.workers = [_Worker(number, maker, workers=workers) for number in range(workers)]
        self._limits: dict[int, int] = {}
        """The most trainings at once by device, where memory has run out too often."""
        self._shortages: dict[int, set[EvaluationKey]] = defaultdict(set)
        """The trainings that ran out of memory beside others, by device."""

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

    @cached_property
    def _devices(self) -> int:
        """The number of devices, or of groups of devices, that the workers take in turn."""
        config = self.maker.config
        run, is_ours = config.run, config.trains
        if len(self.workers) == 1 or not is_ours or run.accelerator == "cpu":
            return 1
        from seplace.training.devices import gpus_of

        return max(gpus_of(run.accelerator) // config.devices, 1)

    def _neighbors(self, worker: _Worker) -> list[_Worker]:
        """Return the other workers on the device of a worker."""
        device = worker.number % self._devices
        return [each for each in self.workers if each.number % self._devices == device and each is not worker]

    def _room(self, worker: _Worker) -> int:
        """Return the most trainings that may run on the device of a worker, by those that run there and its limit."""
        neighbors = self._neighbors(worker)
        known = [each.attempt.at_most for each in neighbors if each.attempt is not None]
        limit = self._limits.get(worker.number % self._devices, len(neighbors) + 1)
        return min([limit, *(at_most for at_most in known if at_most is not None)])

    def _dispatch(self) -> None:
        for worker in self.workers:
            if worker.attempt is not None or not self.jobs.waiting:
                continue
            at_most, room, neighbors = self.jobs.waiting[0].at_most, self._room(worker), self._neighbors(worker)
            fewer = room if at_most is None else min(room, at_most)
            if sum(each.attempt is not None for each in neighbors) >= fewer:
                continue
            attempt = self.jobs.take()
            if attempt is None:
                return
            idle = [each for each in neighbors if each.attempt is None]
            for each in idle[max(fewer - 1 - (len(neighbors) - len(idle)), 0) :]:  # what they hold is missing too
                each.kill()
            worker.start(attempt, sharing=fewer)

    def _back_off(self, worker: _Worker, attempt: Attempt, answer: Evaluation) -> list[Evaluation]:
        """Queue a training that ran out of memory to be tried with fewer beside it; one that was alone has failed."""
        alive = 1 + sum(each.is_alive for each in self._neighbors(worker))
        crowd = max(worker.sharing, alive)  # its share of a GPU is limited also while the others have not begun
        worker.kill()  # a new process holds nothing
        if crowd == 1:
            return self.jobs.answer(attempt, answer)
        fewer, device = crowd // 2, worker.number % self._devices
        self.jobs.back_off(attempt, at_most=fewer)
        shortages = self._shortages[device]
        shortages.add(attempt.job.key)
        if len(shortages) >= _SHORTAGES and fewer < self._room(worker):
            shortages.clear()
            self._limits[device] = fewer
            there = f"on GPU {device}" if self._devices > 1 else "here"
            warnings.warn(
                f"memory ran out in {_SHORTAGES} trainings beside others: from now on at most {fewer} at once {there}",
                stacklevel=2,
            )
        return []

    def _receive(self, worker: _Worker) -> list[Evaluation]:
        attempt = worker.attempt
        assert attempt is not None
        messages, is_gone = worker.receive()
        for message in messages:
            if isinstance(message, int):
                self.jobs.progress(attempt, message)
                continue
            worker.attempt = None
            if isinstance(message, Evaluation) and message.reason == "oom":
                return self._back_off(worker, attempt, message)
            return self.jobs.answer(attempt, message)
        if is_gone:
            code = worker.kill(after=_EXIT_SECONDS)
            worker.attempt = None
            if code == -signal.SIGKILL and memory_kills() > worker.kills_before:
                message = "memory ran out: the system has killed its worker process"
                killed = failed_evaluation(attempt.job, reason="oom", message=message, attempts=attempt.attempts)
                return self._back_off(worker, attempt, killed)
            return self.jobs.retry(attempt, death=f"with exit code {code}")
        if late := self.jobs.timed_out(attempt):
            worker.kill()
            worker.attempt = None
        return late


class _Worker:
    """One process at a time: started with its first job, and again after a death."""

    def __init__(self, number: int, maker: EvaluatorMaker, *, workers: int) -> None:
        self.number = number
        self.maker = maker
        self.threads = maker.config.run.threads
        self.workers = workers
        self.sharing = 1
        """The number of trainings on its device that its process knows of."""
        self.kills_before = 0
        self.attempt: Attempt | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, attempt: Attempt, *, sharing: int) -> None:
        if not self.is_alive or sharing != self.sharing:
            self.kill()
            self.process, self.connection = begin(
                self.maker, number=self.number, threads=self.threads, sharing=sharing, workers=self.workers
            )
        self.attempt, self.sharing, self.kills_before = attempt, sharing, memory_kills()
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
