"""Studies run as a user runs them, in a process of their own."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

RUN = [sys.executable, "-c", "from seplace.cli import main; main()"]


class Command:
    """`seplace …` in a session of its own."""

    def __init__(self, *arguments: str) -> None:
        # A user's own Ctrl-C is never ignored; that of `cmd &` in a script is, and Popen would hand it on.
        self.process = subprocess.Popen(
            [*RUN, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running, whatever a test has found."""
        self.kill()

    def kill(self) -> None:
        """Kill the process and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    @contextmanager
    def killed_on_error(self) -> Iterator[None]:
        """Leave nothing running if something is found to be wrong."""
        try:
            yield
        except BaseException:
            self.kill()
            raise

    def end(self, *, seconds: float = 90) -> tuple[int, str]:
        """Return the exit code and what was printed; the group has died with its leader soon after."""
        output, _ = self.process.communicate(timeout=seconds)
        until = time.monotonic() + 10
        while group_lives(self.process.pid):
            assert time.monotonic() < until, "children are left"
            time.sleep(0.05)
        return self.process.returncode, output


class Run(Command):
    """`seplace run STUDY`."""

    def __init__(self, study: Path, folder: Path, *options: str) -> None:
        self.folder = folder
        super().__init__("run", str(study), "--results", str(folder), *options)

    def wait_for(self, committed: int, *, seconds: float = 90) -> None:
        """Wait until this number of evaluations is in the ledger, or the run has ended."""
        until = time.monotonic() + seconds
        while len(committed_in(self.folder)) < committed and self.process.poll() is None:
            assert time.monotonic() < until, "the run does not get on"
            time.sleep(0.02)


def committed_in(folder: Path) -> list[tuple[int, str, int]]:
    """(row, placement, seed) of each evaluation in the ledger; one that was killed in a commit is rolled back first."""
    path = folder / "ledger.sqlite"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=10)
    try:
        return connection.execute("SELECT rowid, placement, seed FROM evaluations ORDER BY rowid").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []
    finally:
        connection.close()


def children_of(parent: int) -> list[int]:
    """The processes that a process has started and that still run."""
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] not in "ZX":
                children.append(int(entry.name))
    return sorted(children)


def group_lives(group: int) -> bool:
    """Whether a process of the group still runs; a zombie that nobody has reaped yet does not."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False
