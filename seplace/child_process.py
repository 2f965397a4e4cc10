"""New Python processes that work for this one, and end with it.

A new process and no fork, since CUDA does not survive one. It does not run the user's main module again, so that
scripts without a main guard and notebooks work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.spawn import get_executable
from typing import Any

from seplace.errors import DeviceUnavailable

_FOLLOW_SECONDS = 0.5
_STDERR = 2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""The variables that libraries read their number of threads from when they are imported."""
# Ctrl-C reaches the whole process group: the parent handles it and ends its children itself.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from multiprocessing.connection import Connection; connection = Connection(int(sys.argv[1])); "
    "sys.path[:], sys.argv[:] = connection.recv(); "
    "from {module} import {function}; {function}(connection)"
)


def start_process(
    module: str, function: str, first: tuple[Any, ...], *, threads: int, variables: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start a process that calls `function(connection)` of a module, which finds modules where this process does.

    Its connection first receives this process's number followed by `first`. Raises DeviceUnavailable if the process
    cannot be started.

    Args:
        module: The module of the function.
        function: The name of the function.
        first: What the function receives first, after the number of this process.
        threads: The number of threads of the libraries that it imports.
        variables: Environment variables that only it has.

    """
    ours, theirs = Pipe()
    warned = [f"-W{option}" for option in sys.warnoptions]
    program = _PROGRAM.format(module=module, function=function)
    try:
        process = subprocess.Popen(
            [get_executable(), "-P", *warned, "-c", program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,  # what the user's code prints there: a run's own output has results alone
            env=os.environ | dict.fromkeys(_THREADS, str(threads)) | (variables or {}),
        )
    except OSError as error:
        ours.close()
        raise DeviceUnavailable(f"a worker process cannot be started ({error.strerror})") from error
    finally:
        theirs.close()
    with suppress(OSError):  # a process that dies at once is noticed during the wait
        ours.send((sys.path, sys.argv))
        ours.send((os.getpid(), *first))
    return process, ours


def end_with(parent: int) -> None:
    """End this process when its parent ends, and at once on SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_FOLLOW_SECONDS)
    os._exit(1)
