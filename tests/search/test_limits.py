"""Limits on costs: the placements that keep them, by arithmetic on made-up costs."""

from pathlib import Path

import pytest

from seplace.costs.table import CostTable
from seplace.errors import InputError
from seplace.search.limits import check_limits, kept_of
from seplace.search.of_study import task_of
from seplace.study.config import load_study
from tests.studies import write_small_space, write_study


def task_with(folder, limits, *, change=lambda costs: costs):
    """Return a task: no gate or ECA in each stage, where ECA adds 10, 20, 40 FLOPs and 40, 20, 10 parameters."""
    study = write_study(folder, space=write_small_space(folder), objective={"cost": "flops", "limits": limits})
    config = load_study(study)
    extras = tuple(
        {choice: (10 * 2**stage, 40 // 2**stage) if choice.module == "eca" else (0, 0) for choice in choices}
        for stage, choices in enumerate(config.search_space.choices)
    )
    return task_of(config, change(CostTable(names=("flops", "params"), plain=(100, 100), extras=extras)))


@pytest.mark.parametrize(
    ("limits", "count", "spans"),
    [
        pytest.param({"flops": 170}, 8, {"flops": (100, 170), "params": (100, 170)}, id="all"),
        pytest.param({"flops": 120}, 3, {"flops": (100, 120), "params": (100, 140)}, id="some"),
        pytest.param({"flops": 120, "params": 120}, 2, {"flops": (100, 120), "params": (100, 120)}, id="two limits"),
        pytest.param({"flops": 100}, 1, {"flops": (100, 100), "params": (100, 100)}, id="the plain backbone"),
    ],
)
def test_placements_within_the_limits_are_counted(tmp_path, limits, count, spans):
    task = task_with(tmp_path, limits)
    check_limits(task, path=Path("a.yaml"))
    kept = kept_of(task)
    assert kept.is_exact
    assert kept.share * len(task.space) == count
    assert kept.spans == spans


def test_without_limits_there_is_nothing_to_count(tmp_path):
    task = task_with(tmp_path, {})
    check_limits(task, path=Path("a.yaml"))
    assert kept_of(task) is None


def test_a_large_space_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.search.limits._MOST_ENUMERATED", 7)
    task = task_with(tmp_path, {"flops": 120})
    kept = kept_of(task)
    assert not kept.is_exact
    assert kept.share == pytest.approx(3 / 8, abs=0.02)
    assert kept.spans["params"] == (100, 140)


def without_the_plain_backbone(costs: CostTable) -> CostTable:
    """Let the plain backbone have the cost that ECA lacks: cheap in one cost is expensive in the other."""
    extras = tuple(
        {choice: (0, 50) if choice.module == "none" else (50, 0) for choice in stage} for stage in costs.extras
    )
    return CostTable(names=costs.names, plain=costs.plain, extras=extras)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        pytest.param({"flops": 99}, "limits.flops: no placement of small is so cheap (got 99; the space", id="one"),
        pytest.param({"flops": 100, "params": 200}, "all of them together (flops 100, params 200)", id="together"),
        pytest.param({"flops": 149, "params": 249}, "all of them together", id="just not"),
    ],
)
def test_limits_that_nothing_keeps_are_refused(tmp_path, limits, message):
    task = task_with(tmp_path, limits, change=without_the_plain_backbone)
    with pytest.raises(InputError) as caught:
        check_limits(task, path=Path("a.yaml"))
    assert message in str(caught.value)


def test_limits_that_only_a_mixture_keeps_are_taken(tmp_path):
    task = task_with(tmp_path, {"flops": 150, "params": 200}, change=without_the_plain_backbone)
    check_limits(task, path=Path("a.yaml"))
    assert kept_of(task).share * len(task.space) == 3
