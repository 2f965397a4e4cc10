"""The time of a run by arithmetic, and how many trainings a machine has room for."""

import pytest

from seplace.search import time_estimate
from seplace.search.time_estimate import TimeEstimate, at_once
from seplace.study.config import load_study
from tests.studies import write_study


def config_of(folder, *, run=None, **search):
    confirm = {"seeds": 2, "trainings": 3}
    return load_study(write_study(folder, run=run or {"executor": "processes"}, search=search, confirm=confirm))


def test_trainings_come_in_rounds_of_what_runs_at_once(tmp_path):
    config = config_of(tmp_path, trainings=12)
    timed = TimeEstimate(starting=10.0, training=100.0, timing=1.0, at_once=2)
    # Seven baselines in four rounds, five trainings in three, three confirmations in two; the driver and the workers
    # start, tables are half a start; twelve placements are timed.
    assert timed.seconds(config, baselines=7, space=343) == 100 * (4 + 3 + 2) + 10 * 2.5 + 12


def test_hours_are_added_and_the_model_takes_its_time(tmp_path):
    config = config_of(tmp_path, trainings=None, hours=1.0)
    timed = TimeEstimate(starting=0.0, training=1.0, timing=0.0, at_once=1)
    assert timed.seconds(config, baselines=7, space=343) == 3600 + 7 + 3
    model = config_of(tmp_path, trainings=17, sampler="effects", run={"executor": "inline"})
    timed = TimeEstimate(starting=10.0, training=0.0, timing=0.0, at_once=1)
    assert timed.seconds(model, baselines=7, space=343) == pytest.approx(15 + 10 * 0.4)


@pytest.mark.parametrize(
    ("run", "gpus", "running", "told"),
    [
        pytest.param({"executor": "processes", "workers": 4}, 0, 4, "", id="as many as cores"),
        pytest.param({"executor": "processes", "workers": 64}, 0, 4, "64 workers of 1 thread are more than", id="64"),
        pytest.param({"executor": "processes", "workers": 2, "threads": 2}, 0, 2, "", id="two threads"),
        pytest.param({"executor": "processes", "workers": 3, "threads": 2}, 0, 2, "4 cores at 2 threads", id="six"),
        pytest.param({"executor": "processes", "workers": 1, "threads": 8}, 0, 1, "1 worker of 8 threads", id="eight"),
        pytest.param({"executor": "processes", "workers": 8}, 2, 2, "(2 GPUs)", id="more than GPUs"),
        pytest.param({"executor": "processes", "workers": 2}, 2, 2, "", id="one for each GPU"),
        pytest.param({"executor": "processes", "workers": 64}, None, 64, "", id="an evaluator of the user's own"),
        pytest.param({"executor": "inline", "workers": 8}, 0, 1, "has no effect with executor inline", id="inline"),
    ],
)
def test_no_more_run_at_once_than_there_is_room_for(tmp_path, monkeypatch, run, gpus, running, told):
    monkeypatch.setattr(time_estimate, "usable_cores", lambda: 4)
    count, note = at_once(config_of(tmp_path, trainings=12, run=run), gpus=gpus)
    assert count == running
    assert told in note
    assert bool(told) == bool(note)
