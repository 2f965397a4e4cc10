"""Studies of short trainings in this process."""

import subprocess
import sys
from pathlib import Path

import pytest

from seplace import running
from seplace.files.atomic import write_atomically
from tests.cli.conftest import run_main
from tests.conftest import made_once
from tests.faults.quick import write_quick


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    """A figure takes longer than all else here; its file is written as ever."""
    monkeypatch.setattr(
        "seplace.api.Results._draw", lambda _results, _plot, path: write_atomically(path, bytes(40_000))
    )


@pytest.fixture
def seplace(monkeypatch, capsys):
    """A function that runs a command line in this process and returns exit code and what was printed."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["seplace", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            run_main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    return call


@pytest.fixture(scope="session")
def quick_finished(tmp_path_factory) -> Path:
    """A folder with a study of short trainings, and its results in `out`; tests copy it."""
    with made_once(tmp_path_factory, "quick finished") as (folder, is_made):
        if not is_made:
            running.run(write_quick(folder), folder=folder / "out", observer=lambda _: None)
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a given size, which `mount` grows; only root can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(size: str, *options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(disk)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        return disk

    yield mount
    # Lazily: while anything still reads there it is busy, and would stay mounted.
    while not subprocess.run(["umount", "--lazy", str(disk)], capture_output=True, check=False).returncode:
        pass  # several may lie on top of each other
