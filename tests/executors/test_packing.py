"""How many trainings pay at once: the numbers that are tried, and what is made of what they measure."""

import sys
from pathlib import Path

import pytest

from seplace import machine
from seplace.errors import DataError
from seplace.executors.packing import Packing, measure_packing, numbers_to_try
from seplace.placement import Placement
from seplace.study.config import load_study
from tests.executors.test_role import ROOT
from tests.studies import write_study

ANY = Placement.parse("none-se4-eca")


@pytest.mark.parametrize(
    ("cores", "threads", "gpus", "numbers"),
    [
        pytest.param(2, 1, 0, [1, 2], id="a laptop"),
        pytest.param(6, 1, 0, [1, 2, 4, 6], id="all cores, though no power of two"),
        pytest.param(8, 2, 0, [1, 2, 4], id="two threads each"),
        pytest.param(2, 4, 0, [1], id="fewer cores than threads"),
        pytest.param(64, 1, 1, [1, 2, 4, 8, 16], id="at most sixteen to a GPU"),
        pytest.param(6, 1, 1, [1, 2, 4, 6], id="a core for each"),
        pytest.param(64, 4, 2, [2, 4, 8, 16, 32], id="as many to each GPU"),
        pytest.param(2, 1, 4, [4], id="no GPU is left idle"),
    ],
)
def test_the_numbers_that_are_tried(cores, threads, gpus, numbers):
    assert numbers_to_try(cores=cores, threads=threads, gpus=gpus) == numbers


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        pytest.param({1: 310.0, 2: 540.0, 4: 530.0}, 2, id="the fastest"),
        pytest.param({1: 310.0, 2: 540.0, 4: 560.0}, 2, id="the smaller within 5 %"),
        pytest.param({1: 310.0, 2: 540.0, 4: 600.0}, 4, id="the larger beyond them"),
        pytest.param({1: 310.0, 2: 200.0}, 1, id="one, where two are in each other's way"),
        pytest.param({}, 1, id="one, where nothing was measured"),
    ],
)
def test_the_number_that_is_taken(rates, best):
    assert Packing(rates=rates).best == best


class Stepper:
    """Makes steps at the pace of its worker, and holds some memory."""

    pace, gain, held, free = 100, 1, 10, 1000
    dies = 99

    def __init__(self, config, folder: Path, *, worker: int) -> None:
        del config, folder
        self.worker = worker

    def train_in_windows(self, placement, *, next_window, on_window) -> None:
        assert placement == ANY
        from seplace.evaluators.stepping import Window

        if self.worker >= self.dies:
            raise MemoryError("Unable to allocate 9 TiB")
        while next_window() is not None:
            steps = self.pace if self.worker == 0 else self.gain
            on_window(Window(steps=steps, seconds=1.0, held_bytes=self.held, free_bytes=self.free))


class Narrow(Stepper):
    """Leaves no memory for a second worker."""

    free = 10


class Heavy(Stepper):
    """Runs out of memory in the second worker."""

    dies = 1


class Broken:
    """An evaluator that lacks its data."""

    def __init__(self, *_, worker: int) -> None:
        raise DataError(f"no data for {worker}")


class Plain:
    """An evaluator that knows no windows."""

    def __init__(self, config, folder: Path, *, worker: int) -> None:
        pass


class Made:
    """Makes evaluators of this file, without their being a user's own."""

    def __init__(self, config, name: str) -> None:
        self.config = config
        self.name = name

    def make(self, worker: int):
        return globals()[self.name](self.config, Path(), worker=worker)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A function that measures the workers of an evaluator of this file."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])  # workers import this file by its name

    def measure(name: str, numbers=(1, 2, 4, 8), **limits) -> Packing:
        maker = Made(load_study(write_study(tmp_path)), name)
        return measure_packing(maker, ANY, numbers=numbers, on_progress=lambda: None, window_seconds=0.01, **limits)

    return measure


def test_more_are_tried_until_that_adds_nothing(measured):
    packing = measured("Stepper")
    assert (packing.rates, packing.best, packing.held_bytes) == ({1: 100.0, 2: 101.0}, 1, 10)
    assert packing.limit == ""


@pytest.mark.parametrize(
    ("name", "rates", "said"),
    [
        pytest.param("Narrow", {1: 100.0}, "the memory of 2 is not there", id="no room for a second"),
        pytest.param("Heavy", {1: 100.0}, "with 2 a worker failed: MemoryError", id="memory runs out"),
        pytest.param("Plain", {}, "the evaluator cannot be measured", id="no windows"),
    ],
)
def test_it_says_why_no_more_are_tried(measured, name, rates, said):
    packing = measured(name)
    assert packing.rates == rates
    assert packing.limit.startswith(said)


def test_the_time_is_limited(measured):
    packing = measured("Stepper", seconds=0.0)
    assert (packing.rates, packing.limit) == ({}, "1 took too long to measure")


def test_what_is_wrong_for_every_training_is_raised(measured):
    with pytest.raises(DataError, match="no data for 0"):
        measured("Broken")


def test_the_memory_of_a_machine(tmp_path, monkeypatch):
    assert machine.usable_cores() >= 1
    assert machine.peak_bytes() > 10**6
    free = machine.available_bytes()
    (tmp_path / "a").mkdir()
    for name, text in {"max": "1000", "current": "700", "stat": "anon 1\ninactive_file 100\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    (tmp_path / "a/memory.max").write_text("max")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    own = machine._text
    monkeypatch.setattr(machine, "_text", lambda path: "0::/a\n" if path.name == "cgroup" else own(path))
    assert machine.available_bytes() == (None if free is None else 400)
