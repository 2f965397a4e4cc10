"""The lock of a study: one holder, named to others, gone with its process."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading

import filelock
import pytest

from seplace.errors import DataError, StudyBusy
from seplace.files.atomic import DiskFull
from seplace.search import lock
from seplace.search.lock import holder, study_lock

HOLD = """
import sys, time
from pathlib import Path
from seplace.search.lock import study_lock
with study_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_no_lock(tmp_path):
    path = tmp_path / "out" / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StudyBusy, match=rf"out: this study is already being run by process {process.pid} on "):
            study_lock(path).__enter__()
        assert holder(path).startswith(f"process {process.pid} on ")
        process.send_signal(signal.SIGKILL)
    assert holder(path) is None
    with study_lock(path):
        assert holder(path).startswith(f"process {os.getpid()} on ")
    assert holder(path) is None


@pytest.mark.parametrize("left", ["", f"process {2**22 + 1} on {socket.gethostname()}"], ids=["nobody", "the last one"])
def test_the_name_of_who_has_just_taken_the_lock_is_waited_for(tmp_path, monkeypatch, left):
    path = tmp_path / "lock"
    with study_lock(path):
        path.write_text(left)
        threading.Timer(0.2, path.write_text, ["process 1 on it"]).start()
        with pytest.raises(StudyBusy, match="already being run by process 1 on it"):
            study_lock(path).__enter__()
        monkeypatch.setattr(lock, "_NAMING_SECONDS", 0.0)
        path.write_text("")
        with pytest.raises(StudyBusy, match="already being run by another process"):
            study_lock(path).__enter__()


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path):
    (tmp_path / "lock").write_text("process 1234567890 on " + "a" * 200)
    with study_lock(tmp_path / "lock"):
        assert "a" * 200 not in holder(tmp_path / "lock")


def test_a_file_that_may_only_be_read_is_looked_at(tmp_path):
    path = tmp_path / "lock"
    path.write_text("process 1 on it")
    path.chmod(0o444)
    assert holder(path) is None
    assert holder(tmp_path / "nothing") is None
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        pytest.param(errno.ENOLCK, "lock: cannot be locked .*; use another file system", id="without locks"),
        pytest.param(errno.EROFS, "out: no results can be written there .Read-only file system", id="read-only"),
    ],
)
def test_a_file_that_cannot_be_locked_is_named(tmp_path, monkeypatch, number, message):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(DataError, match=message):
        study_lock(tmp_path / "out" / "lock").__enter__()


def test_a_full_disk_is_named_and_the_lock_is_free_again(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lock.Path, "write_text", refuse)
        with pytest.raises(DiskFull, match=r"lock: cannot write \d+ bytes"):
            study_lock(tmp_path / "lock").__enter__()
    with study_lock(tmp_path / "lock"):
        pass
