"""One process runs a study at a time: a lock file that names the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from seplace.errors import StudyBusy, UnwritableFolder
from seplace.files.atomic import DiskFull

_LONGEST_NAME = 400
"""The most bytes of a lock file that are shown."""

_CANNOT_LOCK = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""The errors of a file system that has no locks."""

_NAMING_SECONDS = 2.0
"""The longest time between the locking of the file and the writing of the name."""


@contextmanager
def study_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a study, which the system releases when the process ends, however it ends.

    Raises StudyBusy, which names process and host, if another process holds it, UnwritableFolder if the file cannot be
    opened or locked, and DiskFull if the name cannot be written.
    """
    lock = FileLock(path, fallback_to_soft=False, preserve_lock_file=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise StudyBusy(f"{path.parent}: this study is already being run by {_named_in(path)}") from error
    except OSError as error:
        if error.errno in _CANNOT_LOCK:
            raise UnwritableFolder(f"{path}: cannot be locked ({error.strerror}); use another file system") from error
        raise UnwritableFolder(f"{path.parent}: no results can be written there ({error.strerror})") from error
    try:
        name = f"process {os.getpid()} on {socket.gethostname()}"
        try:
            path.write_text(name)
        except OSError as error:
            raise DiskFull(f"{path}: cannot write {len(name)} bytes ({error.strerror})") from error
        yield
    finally:
        lock.release()


def _named_in(path: Path) -> str:
    """Return the name in a lock file; one that has just been locked may still be empty, or name the last process."""
    until = time.monotonic() + _NAMING_SECONDS
    while not (name := _name_in(path)) or _has_ended(name):
        if time.monotonic() > until:
            return name or "another process"
        time.sleep(0.01)
    return name


def _has_ended(name: str) -> bool:
    """Return whether a name is that of a process of this machine that has ended."""
    match = re.fullmatch(r"process (\d+) on (.*)", name)
    if match is None or match[2] != socket.gethostname():
        return False
    try:
        os.kill(int(match[1]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False  # of another user
    return False


def holder(path: Path) -> str | None:
    """Return the process that holds the lock of a study, or None.

    A shared lock tests it, since the exclusive one of filelock needs a file that may be written.
    """
    with suppress(OSError):
        if not path.is_file():  # opening a FIFO would wait for ever
            return None
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _name_in(path) or "another process"
    return None


def _name_in(path: Path) -> str:
    """Return the name of the process in a lock file, which anybody may have written."""
    with path.open("rb") as file:
        return file.read(_LONGEST_NAME).decode(errors="replace").strip()
