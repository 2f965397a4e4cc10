"""Searches with many workers: proposals share fits, and no order of finishing and no interruption changes them."""

import random

import pytest

from seplace.errors import TooManyFailures
from seplace.samplers import effects
from seplace.samplers.batch import Batches
from seplace.search.budget import Budget
from seplace.search.time_estimate import TimeEstimate
from tests.search.test_search_phase import trials_in
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


def study(folder, *, workers, trainings=25, sampler="effects"):
    search = {"trainings": trainings, "sampler": sampler, "seeds": 2}
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
    assert len(fits) == 25 - 7
    fits.clear()
    monkeypatch.setattr("seplace.samplers.batch._WORKERS", 2)
    go(study(tmp_path, workers=6), tmp_path / "shared")
    assert len(fits) == (25 - 7) / 3
    assert fits == sorted(fits)


@pytest.mark.usefixtures("no_optuna_file")
def test_an_interruption_in_a_batch_changes_nothing(tmp_path, toy, monkeypatch):
    """Nor does the order in which trainings finish: neither decides which results a fit knows."""
    monkeypatch.setattr("seplace.samplers.batch._WORKERS", 2)
    path = study(tmp_path, workers=6)
    go(path, tmp_path / "whole")
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled))
    monkeypatch.setattr(Scrambled, "order", random.Random(1))
    toy.trained.clear()
    for stop_after in (9, 16, 17):
        toy.stop_after = stop_after
        with pytest.raises(Stop):
            go(path, tmp_path / "parts")
    toy.stop_after = None
    go(path, tmp_path / "parts")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")


class Submitted(Scrambled):
    """Keeps what was submitted before the first wait."""

    first: tuple[str, ...] = ()

    def wait(self):
        type(self).first = self.first or tuple(str(job.placement) for job in self.jobs)
        return super().wait()


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(("workers", "begun"), [(8, 7), (12, 18)])
def test_more_workers_than_baselines_do_not_wait_for_them(tmp_path, monkeypatch, workers, begun):
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Submitted))
    monkeypatch.setattr(Submitted, "first", ())
    go(study(tmp_path, workers=workers, sampler="random"), tmp_path / "out")
    assert len(Submitted.first) == begun
    names = [trial.user_attrs.get("baseline") for trial in trials_in(tmp_path / "out")]
    assert None not in names[:3]  # those of the space
    assert set(names[3:]) == {None}


@pytest.mark.usefixtures("no_optuna_file")
def test_a_search_that_overlaps_the_baselines_is_exact(tmp_path, toy, monkeypatch):
    """A failed baseline is one of them: it is told, so that the numbers of proposals stay."""
    path = study(tmp_path, workers=12, trainings=22)
    toy.failing = {"eca-eca-eca": "diverged"}
    go(path, tmp_path / "whole")
    assert len(toy.trained) == 22
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled))
    monkeypatch.setattr(Scrambled, "order", random.Random(1))
    toy.trained.clear()
    for stop_after in (0, 2, 8, 15, 20):
        toy.stop_after = stop_after
        with pytest.raises(Stop):
            go(path, tmp_path / "parts")
    toy.stop_after = None
    go(path, tmp_path / "parts")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")


@pytest.mark.usefixtures("no_optuna_file")
def test_a_study_that_began_to_overlap_goes_on_so_with_fewer_workers(tmp_path, toy):
    toy.stop_after = 3
    with pytest.raises(Stop):
        go(study(tmp_path, workers=12, sampler="random"), tmp_path / "out")
    toy.stop_after = None
    go(study(tmp_path, workers=1, sampler="random"), tmp_path / "out")
    found = left_in(tmp_path / "out")
    assert len(found["evaluations"]) == 25
    assert min(found["proposals"]) == 3


@pytest.mark.usefixtures("no_optuna_file")
def test_a_search_beside_a_plain_backbone_that_fails_ends(tmp_path, toy):
    toy.failing = {"none-none-none": "diverged"}
    with pytest.raises(TooManyFailures, match="what everything is compared with has failed"):
        go(study(tmp_path, workers=12), tmp_path / "out")


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_ours_are_not_asked_again_for_what_is_recorded(tmp_path, fits):
    go(study(tmp_path, workers=2, trainings=11), tmp_path / "out")
    fits.clear()
    go(study(tmp_path, workers=2, trainings=12), tmp_path / "out")
    assert len(fits) == 1


def test_a_plan_counts_the_baselines_beside_the_search():
    estimate = TimeEstimate(starting=0.0, training=10.0, timing=0.0, at_once=16, is_inline=False)
    waiting, beside = (Budget(length=1, trainings=32, workers=workers) for workers in (8, 16))
    assert estimate.seconds(waiting, sampler="random", baselines=7, candidates=343) == 30
    assert estimate.seconds(beside, sampler="random", baselines=7, candidates=343) == 20
    assert not Budget(length=1, trainings=32, workers=16).overlaps(16)
