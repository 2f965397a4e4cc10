"""A worker process: its start, and the loop that runs in it."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from seplace.child_process import end_with, start_process
from seplace.datasets.decoding import limit_threads
from seplace.errors import DeviceFailed, SeplaceError, TrainingFailed
from seplace.executors.executor import Evaluates, Maker, evaluate_job, share_device
from seplace.machine import usable_cores
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.user_code import is_out_of_memory, out_of_memory_message

READY, DONE = "ready", "done"
"""What a worker sends before each window of `Stepping`, and at its end."""

BEGUN = 0
"""The number of epochs that a worker sends when it begins a job."""


@dataclass(frozen=True)
class Stepping:
    """A job that trains a placement in windows of time, by which the number of workers is chosen.

    The worker sends READY after its warm-up, receives the seconds of each window, or None at the end, and sends a
    `Window` for each. It sends DONE at the end, without any READY where the evaluator cannot do it or nothing learns.
    """

    placement: Placement


def begin(
    maker: Maker, *, number: int, threads: int = 1, sharing: int = 1, workers: int = 1
) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start worker 0, 1, …, which finds modules where this process does.

    It uses `threads` threads, and of its GPU the share of one of `sharing` workers; images it decodes with its share
    of the cores, if it is one of `workers`. It takes jobs from the connection,
    and sends BEGUN, the epochs of each job as they finish, and its evaluation. An error of seplace is sent as it is,
    any other as the text of its traceback, and ends the worker. So does a failure of its GPU, without a message. Raises
    DeviceUnavailable if the process cannot be started.
    """
    return start_process("seplace.executors.worker", "work", (maker, number, sharing, workers), threads=threads)


def work(connection: Connection) -> None:
    """Evaluate jobs until the parent closes the connection."""
    try:
        parent, maker, number, sharing, workers = connection.recv()
        end_with(parent)
        limit_threads(usable_cores() // workers)
        evaluator = _made(maker, number, sharing)
        while True:
            job = connection.recv()
            if isinstance(job, Stepping):
                _step(evaluator, job, connection)
                continue
            connection.send(BEGUN)
            connection.send(evaluate_job(evaluator, job, on_epoch=connection.send))
    except EOFError:
        return
    except DeviceFailed as error:
        sys.exit(str(error))  # a new process may do better
    except SeplaceError as error:
        connection.send(error)
    except Exception:
        connection.send(traceback.format_exc())


def _made(maker: Maker, number: int, sharing: int) -> Evaluates:
    """Return the evaluator with its share of a device; without memory even for that, one whose jobs say so."""
    try:
        evaluator = maker.make(number)
        share_device(evaluator, among=sharing)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            return _NoRoom(error)
        raise
    return evaluator


class _NoRoom:
    """Stands for an evaluator for which there was no memory."""

    def __init__(self, error: MemoryError | RuntimeError) -> None:
        self.error = error

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:  # noqa: ARG002 - no job has room
        raise self.error

    def train_in_windows(self, placement: Placement, **_: object) -> None:
        raise TrainingFailed("oom", f"{placement}: {out_of_memory_message(self.error)}")


def _step(evaluator: Evaluates, job: Stepping, connection: Connection) -> None:
    def next_window() -> float | None:
        connection.send(READY)
        seconds: float | None = connection.recv()
        return seconds

    if hasattr(evaluator, "train_in_windows"):
        evaluator.train_in_windows(job.placement, next_window=next_window, on_window=connection.send)
    connection.send(DONE)
