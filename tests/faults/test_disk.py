"""Disks that are full, whatever is written to them at that moment."""

import errno
import os
import re
import resource
import shutil
from pathlib import Path

import pytest

from seplace import api
from seplace.errors import CorruptResults
from seplace.files.atomic import DiskFull, write_atomically
from seplace.results.ledger import Ledger
from tests.faults.oracle import Oracle, same_results
from tests.faults.quick import behave, write_quick
from tests.studies import write_study


def fill_and_go_on(beside: Path, disk: Path, finished: Path, seplace, *, executor: str, grow) -> str:
    """Run a study on a full disk, check its end, give it room, run it again, and return the file that was named."""
    study, folder = write_quick(beside), disk / "out"
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder, "--executor", executor)
    said = re.search(r"^error: .*/out/(\S+): cannot (write|be opened)", output, re.MULTILINE)
    assert said, output
    assert "Traceback" not in output
    oracle.after(code, wanted=3, is_whole=False)
    assert _failed_in(folder) == []
    grow("100m", "remount")
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    same_results(folder, finished / "out")
    return re.sub(r"/.*", "/", said[1])


def _failed_in(folder: Path) -> list[object]:
    """Evaluations that failed; a full disk is not recorded as one."""
    try:
        with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
            return [row for row in ledger.evaluations() if row.state == "failed"] + ledger.failures()
    except CorruptResults:
        return []  # there was not even room for an empty one


@pytest.mark.parametrize(
    ("size", "executor", "behavior", "named"),
    [
        pytest.param("80k", "inline", {}, r"ledger\.sqlite", id="ledger"),
        pytest.param("180k", "inline", {}, r"optuna\.db", id="Optuna study"),
        pytest.param("300k", "inline", {"weights": 40_000}, "weights/", id="weights"),
        pytest.param("300k", "processes", {"checkpoint": 250_000}, "checkpoints/", id="checkpoint"),
        pytest.param("330k", "inline", {}, r"\w+\.(csv|png|svg)", id="table or figure"),
    ],
)
@pytest.mark.filterwarnings("default:.*the tables could not be written")
def test_a_study_goes_on_after_the_disk_was_full(
    tmp_path, small_disk, quick_finished, seplace, size, executor, behavior, named
):
    behave(tmp_path, **behavior)
    disk = small_disk(size)
    found = fill_and_go_on(tmp_path, disk, quick_finished, seplace, executor=executor, grow=small_disk)
    assert re.fullmatch(named, found)


@pytest.mark.long
@pytest.mark.filterwarnings("default:.*the tables could not be written")
def test_a_disk_may_be_full_at_every_file(tmp_path, small_disk, quick_finished, seplace, capsys):
    """From a disk on which nothing fits to one on which only the last figure does not."""
    named = set()
    for number, behavior in enumerate([{}, {"weights": 20_000}, {"checkpoint": 60_000}]):
        for kilobytes in range(4, 420, 32):
            folder = tmp_path / f"{number} {kilobytes}"
            folder.mkdir()
            behave(folder, **behavior)
            disk = small_disk(f"{kilobytes}k")
            executor = ("inline", "processes")[kilobytes // 32 % 2]
            named.add(fill_and_go_on(folder, disk, quick_finished, seplace, executor=executor, grow=small_disk))
            shutil.rmtree(disk / "out")
    with capsys.disabled():
        print(named)
    kinds = {name.rpartition(".")[2] for name in named}
    assert kinds >= {"sqlite", "db", "weights/", "checkpoints/", "png", "svg"}


@pytest.mark.long
@pytest.mark.filterwarnings("default:.*the tables could not be written")
@pytest.mark.parametrize(("size", "executor"), [("400k", "inline"), ("400k", "processes"), ("700k", "inline")])
def test_a_study_of_real_trainings_goes_on_after_the_disk_was_full(tmp_path, small_disk, seplace, size, executor):
    study = write_study(tmp_path)
    assert seplace("run", study, "--results", tmp_path / "whole")[0] == 0
    folder = small_disk(size) / "out"
    oracle = Oracle(folder)
    oracle.after(seplace("run", study, "--results", folder, "--executor", executor)[0], wanted=3, is_whole=False)
    small_disk("100m", "remount")
    code, _ = seplace("run", study, "--results", folder)
    oracle.after(code, wanted=0)
    columns = ["placement", "seed", "accuracy", "cross_entropy", "flops"]
    assert api.load(folder).evaluations[columns].equals(api.load(tmp_path / "whole").evaluations[columns])


def test_a_table_is_the_old_or_the_new_one_at_whichever_byte_its_writing_ends(tmp_path, quick_finished):
    """The limit on the size of a file stops a write at a byte, as a full disk does."""
    new = (quick_finished / "out" / "front.csv").read_bytes()
    path = tmp_path / "front.csv"
    path.write_bytes(b"the old one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for size in range(len(new)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
            with pytest.raises(DiskFull, match=rf"front\.csv: cannot write {len(new):,} bytes"):
                write_atomically(path, new)
            assert path.read_bytes() == b"the old one"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == [path]
    write_atomically(path, new)
    assert path.read_bytes() == new


def test_tables_that_cannot_be_written_stay_what_they_were(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "tiny")
    before = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()}

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFull, match=r"evaluations\.csv: cannot write [\d,]+ bytes \(No space left on device\)"):
        api.load(folder).write()
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()} == before
