import errno
import os
import shutil
from pathlib import Path

import pytest

from seplace import api, running
from seplace.files.atomic import DiskFull
from seplace.results.ledger import Ledger
from tests.conftest import made_once
from tests.studies import write_study


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """What the study leaves where the disk was never full; tests only read it."""
    with made_once(tmp_path_factory, "disk never full") as (folder, is_made):
        if not is_made:
            running.run(write_study(folder), folder=folder / "whole", observer=lambda _: None)
    return folder / "whole"


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*the tables could not be written")
@pytest.mark.parametrize(
    ("size", "executor"), [("80k", "inline"), ("400k", "inline"), ("400k", "processes"), ("700k", "inline")]
)
def test_a_study_goes_on_after_the_disk_was_full(tmp_path, small_disk, whole, size, executor):
    study = write_study(tmp_path, run={"executor": executor})
    folder = small_disk(size) / "out"
    with pytest.raises(DiskFull, match=r"out/\S+: cannot write"):
        running.run(study, folder=folder, observer=lambda _: None)
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        assert not any(row.state == "failed" for row in ledger.evaluations())
    small_disk("100m", "remount")
    write_study(tmp_path)  # where it goes on is no part of its meaning, and here it is fastest
    results = running.run(study, folder=folder, observer=lambda _: None)
    columns = ["placement", "seed", "accuracy", "cross_entropy", "flops"]
    assert results.evaluations[columns].equals(api.load(whole).evaluations[columns])
    assert (folder / "front.csv").exists()


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
