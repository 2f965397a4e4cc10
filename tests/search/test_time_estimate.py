"""The time of a run by arithmetic, and how many trainings a machine has room for."""

import pytest

from seplace.search import time_estimate
from seplace.search.budget import Budget
from seplace.search.time_estimate import TimeEstimate, at_once


def test_trainings_come_in_rounds_of_what_runs_at_once():
    budget = Budget(length=1, trainings=12, confirm_trainings=3)
    timed = TimeEstimate(starting=10.0, training=100.0, timing=1.0, at_once=2, is_inline=False)
    # Seven baselines in four rounds, five trainings in three, three confirmations in two; the driver and the workers
    # start, tables are half a start; twelve placements are timed.
    assert timed.seconds(budget, sampler="random", baselines=7, candidates=343) == 100 * (4 + 3 + 2) + 10 * 2.5 + 12


def test_hours_are_added_and_the_model_takes_its_time():
    budget = Budget(length=1, hours=1.0, confirm_trainings=3)
    timed = TimeEstimate(starting=0.0, training=1.0, timing=0.0, at_once=1, is_inline=False)
    assert timed.seconds(budget, sampler="random", baselines=7, candidates=343) == 3600 + 7 + 3
    budget = Budget(length=1, trainings=17, confirm_trainings=3)
    timed = TimeEstimate(starting=10.0, training=0.0, timing=0.0, at_once=1, is_inline=True)
    assert timed.seconds(budget, sampler="effects", baselines=7, candidates=343) == pytest.approx(15 + 10 * 0.4)


@pytest.mark.parametrize(
    ("executor", "workers", "threads", "gpus", "running", "said"),
    [
        pytest.param("processes", 4, 1, 0, 4, "", id="as many as cores"),
        pytest.param("processes", 64, 1, 0, 4, "64 workers of 1 thread are more than", id="64"),
        pytest.param("processes", 2, 2, 0, 2, "", id="two threads"),
        pytest.param("processes", 3, 2, 0, 2, "4 cores at 2 threads", id="six"),
        pytest.param("processes", 1, 8, 0, 1, "1 worker of 8 threads", id="eight"),
        pytest.param("processes", 8, 1, 2, 2, "8 workers share 2 GPUs: the estimate counts one", id="more than GPUs"),
        pytest.param("processes", 2, 1, 2, 2, "", id="one for each GPU"),
        pytest.param("ray", 64, 1, 0, 64, "", id="the machines of a cluster"),
        pytest.param("processes", 64, 1, None, 64, "", id="an evaluator of the user's own"),
        pytest.param("inline", 8, 1, 0, 1, "has no effect with executor inline", id="inline"),
    ],
)
def test_no_more_run_at_once_than_there_is_room_for(monkeypatch, executor, workers, threads, gpus, running, said):
    monkeypatch.setattr(time_estimate, "usable_cores", lambda: 4)
    count, note = at_once(executor, workers=workers, threads=threads, gpus=gpus)
    assert count == running
    assert said in note
    assert bool(said) == bool(note)
