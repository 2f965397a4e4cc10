"""A worker process: its start, and the loop that runs in it.

It is a new Python process, since CUDA does not survive a fork. It does not run the user's main module again, so that
scripts without a main guard and notebooks work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.spawn import get_executable

from seplace.datasets.decoding import limit_threads
from seplace.errors import DeviceFailed, DeviceUnavailable, SeplaceError, TrainingFailed
from seplace.executors.executor import Evaluates, Maker, evaluate_job, share_device
from seplace.machine import usable_cores
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.user_code import is_out_of_memory, out_of_memory_message

READY, DONE = "ready", "done"
"""What a worker sends before each window of `Stepping`, and at its end."""

BEGUN = 0
"""The number of epochs that a worker sends when it begins a job."""

_FOLLOW_SECONDS = 0.5
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""The variables that libraries read their number of threads from when they are imported."""
# Ctrl-C reaches the whole process group: the parent handles it and ends its workers itself.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from multiprocessing.connection import Connection; connection = Connection(int(sys.argv[1])); "
    "sys.path[:], sys.argv[:] = connection.recv(); "
    "from seplace.executors.worker import work; work(connection)"
)


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
    ours, theirs = Pipe()
    warned = [f"-W{option}" for option in sys.warnoptions]
    command = [get_executable(), "-P", *warned, "-c", _PROGRAM, str(theirs.fileno())]
    try:
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | dict.fromkeys(_THREADS, str(threads)),  # also of what no setting of torch reaches
        )
    except OSError as error:
        ours.close()
        raise DeviceUnavailable(f"a worker process cannot be started ({error.strerror})") from error
    finally:
        theirs.close()
    with suppress(OSError):  # a process that dies at once is noticed during the wait
        ours.send((sys.path, sys.argv))
        ours.send((os.getpid(), maker, number, sharing, workers))
    return process, ours


def work(connection: Connection) -> None:
    """Evaluate jobs until the parent closes the connection."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        parent, maker, number, sharing, workers = connection.recv()
        limit_threads(usable_cores() // workers)
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
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


def _follow(parent: int) -> None:
    """End this process when its parent ends."""
    while os.getppid() == parent:
        time.sleep(_FOLLOW_SECONDS)
    os._exit(1)
