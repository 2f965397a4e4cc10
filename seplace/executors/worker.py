"""A worker process: how it begins, and what runs in it.

It is a fresh Python, since CUDA does not survive a fork, and one that never runs the user's main module again: neither
a script without a main guard nor a notebook could stand that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.spawn import get_executable

from seplace.errors import DeviceFailed, DeviceUnavailable, SeplaceError
from seplace.executors.executor import Maker, evaluated

BEGUN = 0
"""The epochs that a worker tells of a job as it takes it up."""

_FOLLOW_SECONDS = 0.5
# A Ctrl-C reaches the whole group: the parent hears it, and ends its workers itself.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from multiprocessing.connection import Connection; connection = Connection(int(sys.argv[1])); "
    "sys.path[:], sys.argv[:] = connection.recv(); "
    "from seplace.executors.worker import work; work(connection)"
)


def begin(maker: Maker, *, number: int) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start worker 0, 1, …, which finds modules where this process does; DeviceUnavailable where it cannot be.

    It takes jobs from the connection, and sends BEGUN, the epochs of each job as they finish, and its evaluation. An
    error of seplace ends it and is sent as it is, any other one as the text of its traceback; with its GPU it dies.
    """
    ours, theirs = Pipe()
    warned = [f"-W{option}" for option in sys.warnoptions]
    command = [get_executable(), "-P", *warned, "-c", _PROGRAM, str(theirs.fileno())]
    try:
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    except OSError as error:
        ours.close()
        raise DeviceUnavailable(f"a worker process cannot be started ({error.strerror})") from error
    finally:
        theirs.close()
    with suppress(OSError):  # one that dies at once is found dead when it is waited for
        ours.send((sys.path, sys.argv))
        ours.send((os.getpid(), maker, number))
    return process, ours


def work(connection: Connection) -> None:
    """Evaluate jobs until the parent hangs up."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        parent, maker, number = connection.recv()
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
        evaluator = maker.make(number)
        while True:
            job = connection.recv()
            connection.send(BEGUN)
            connection.send(evaluated(evaluator, job, on_epoch=connection.send))
    except EOFError:
        return
    except DeviceFailed as error:
        sys.exit(str(error))  # a fresh process may do better
    except SeplaceError as error:
        connection.send(error)
    except Exception:
        connection.send(traceback.format_exc())


def _follow(parent: int) -> None:
    """End this process with its parent, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(_FOLLOW_SECONDS)
    os._exit(1)
