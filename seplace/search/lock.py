"""One process runs a study at a time: a lock file that names its holder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seplace.errors import StudyBusy


@contextmanager
def study_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a study; StudyBusy names the process and host that hold it already.

    The lock falls with its process, however that ends, so a dead one never has to be cleared away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StudyBusy(f"{path.parent}: this study is already being run by {file.read().strip()}") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def holder(path: Path) -> str | None:
    """Return who holds the lock of a study, or None."""
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip()
    return None
