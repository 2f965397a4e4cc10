"""Storage that is away for a while: files locked by another process, and a folder that is not there."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import quick
from tests.faults.oracle import Oracle, same_results
from tests.faults.runs import Run
from tests.marks import in_the_long_form

LOCK = """\
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Another process holds a file exclusively for some seconds."""
    command = [sys.executable, "-c", LOCK, str(path), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield


@pytest.mark.long
@pytest.mark.parametrize("name", ["ledger.sqlite", "optuna.db"])
def test_a_run_waits_while_another_process_holds_a_file(tmp_path, quick_finished, name):
    """For 12 s, longer than SQLite waits by itself."""
    quick.behave(tmp_path, seconds=0.3)
    study, folder = quick.write_quick(tmp_path, run={"executor": "processes"}), tmp_path / "out"
    oracle = Oracle(folder)
    with Run(study, folder) as run:
        run.wait_for(8)
        oracle.look()
        with locked(folder / name, 12):
            pass
        code, output = run.end()
    oracle.after(code, wanted=0)
    assert "Traceback" not in output
    assert set(quick.begun_in(tmp_path).values()) == {1}
    same_results(folder, quick_finished / "out")


def test_both_files_are_waited_for_for_two_minutes(tmp_path, monkeypatch, seplace):
    waited = set()
    connect = sqlite3.connect

    def noting(address, *arguments, **options):
        waited.add((Path(str(address).partition("?")[0]).name, options.get("timeout")))
        return connect(address, *arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", noting)
    assert seplace("run", quick.write_quick(tmp_path), "--results", tmp_path / "out")[0] == 0
    known = {(name, seconds) for name, seconds in waited if name in ("ledger.sqlite", "optuna.db")}
    assert known == {("ledger.sqlite", 120.0), ("optuna.db", 120.0)}


@pytest.mark.parametrize("executor", ["inline", in_the_long_form("processes")])
def test_a_folder_that_is_away_ends_the_run_and_loses_nothing(tmp_path, quick_finished, executor, seplace):
    """As a disk that is unmounted; nothing is written where it was."""
    quick.behave(tmp_path, seconds=0.1)
    study, folder = quick.write_quick(tmp_path, run={"executor": executor}), tmp_path / "out"
    oracle = Oracle(folder)
    with Run(study, folder) as run:
        run.wait_for(3)
        oracle.look()
        folder.rename(tmp_path / "away")
        code, output = run.end()
    assert not folder.exists()
    assert re.search(rf"error: {folder}/\S+: cannot write [\d,]+ bytes \(", output), output
    assert "Traceback" not in output
    (tmp_path / "away").rename(folder)
    oracle.after(code, wanted=3, is_whole=False)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    same_results(folder, quick_finished / "out")
