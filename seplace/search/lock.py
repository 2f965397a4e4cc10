"""One process runs a study at a time: a lock file that names its holder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seplace.errors import DataError, StudyBusy
from seplace.files.atomic import DiskFull


@contextmanager
def study_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a study; StudyBusy names the process and host that hold it already.

    The lock falls with its process, however that ends, so a dead one never has to be cleared away.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise DataError(f"{path.parent}: no results can be written there ({error.strerror})") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StudyBusy(f"{path.parent}: this study is already being run by {file.read().strip()}") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be locked ({error.strerror}); use another file system") from error
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        try:
            file.truncate(0)
            file.write(holder)
            file.flush()
        except OSError as error:
            raise DiskFull(f"{path}: cannot write {len(holder)} bytes ({error.strerror})") from error
        yield


def holder(path: Path) -> str | None:
    """Return who holds the lock of a study, or None."""
    with suppress(OSError), path.open() as file:  # one that is not there, or not ours to look at, tells of nobody
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip()
    return None
