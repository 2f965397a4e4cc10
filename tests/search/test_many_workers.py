"""Searches with many workers: proposals share fits, and no order of finishing and no interruption changes them."""

import random

import pytest

from seplace.samplers import effects
from seplace.samplers.batch import Batches
from seplace.search import run_study
from tests.search.toy import Scrambled, Shelf, Stop, go, left_in
from tests.studies import write_study


@pytest.fixture
def fits(monkeypatch) -> list[int]:
    """The number of observations of each fit of the sampler of effects."""
    found = []

    class Counted(effects.Posterior):
        def __init__(self, design, observations, **others):
            found.append(len(observations))
            super().__init__(design, observations, **others)

    monkeypatch.setattr(effects, "Posterior", Counted)
    return found


def study(folder, *, workers, trainings=34):
    search = {"trainings": trainings, "sampler": "effects", "seeds": 2}
    return write_study(folder, search=search, confirm=None, run={"workers": workers})


def test_a_batch_grows_with_workers_and_results():
    cases = [
        (1, 255, 1),
        (8, 255, 1),
        (15, 0, 1),
        (16, 0, 2),
        (256, 10, 32),
        (1, 256, 2),
        (8, 1000, 7),
        (256, 5000, 39),
    ]
    for workers, known, size in cases:
        batches = Batches(workers=workers)
        running = range(known, known + 7)
        first = batches.of(known + 7, unfinished=running)
        assert (first.size, first.unfinished) == (size, frozenset(running))
        assert batches.of(first.first + size - 1, unfinished=()) is first
        assert batches.of(first.first + size, unfinished=()) is not first


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_many_workers_share_fits(tmp_path, fits, monkeypatch):
    go(study(tmp_path, workers=6), tmp_path / "each")
    assert len(fits) == 34 - 7
    fits.clear()
    monkeypatch.setattr("seplace.samplers.batch._WORKERS", 2)
    go(study(tmp_path, workers=6), tmp_path / "shared")
    assert len(fits) == (34 - 7) / 3
    assert fits == sorted(fits)


@pytest.mark.usefixtures("no_optuna_file")
def test_an_interruption_in_a_batch_changes_nothing(tmp_path, toy, monkeypatch):
    """Nor does the order in which trainings finish: neither decides which results a fit knows."""
    monkeypatch.setattr("seplace.samplers.batch._WORKERS", 2)
    path = study(tmp_path, workers=6)
    go(path, tmp_path / "whole")
    monkeypatch.setattr(run_study, "EXECUTORS", Shelf(inline=Scrambled))
    monkeypatch.setattr(Scrambled, "order", random.Random(1))
    toy.trained.clear()
    for stop_after in (9, 16, 17, 27):
        toy.stop_after = stop_after
        with pytest.raises(Stop):
            go(path, tmp_path / "parts")
    toy.stop_after = None
    go(path, tmp_path / "parts")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")
