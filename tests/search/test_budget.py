"""A budget is held against its rules when it is made, and the search knows no study."""

from pathlib import Path

import pytest

import seplace
from seplace.errors import InputError
from seplace.search.budget import Budget

ROOT = Path(seplace.__file__).parent

OF_A_STUDY = {
    *(
        "curve_logs.py",
        "execution.py",
        "further.py",
        "meaning.py",
        "of_study.py",
        "pilot.py",
        "plan.py",
        "power.py",
        "run_study.py",
    ),
    "workers.py",
}
"""The modules that begin a search from a study, check what it means, or plan it."""


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        pytest.param({}, "either trainings or hours", id="neither"),
        pytest.param({"trainings": 8, "hours": 1.0}, "either trainings or hours", id="both"),
        pytest.param({"trainings": 0}, "trainings of a budget must be greater than 0", id="nothing"),
        pytest.param({"hours": float("nan")}, "hours of a budget must be greater than 0", id="not a number"),
        pytest.param({"trainings": 8, "workers": 0}, "workers of a budget must be greater than 0", id="no worker"),
        pytest.param({"trainings": 8, "rungs": (3, 1)}, "rungs must rise, from 1 to less than the 9", id="falling"),
        pytest.param({"trainings": 8, "rungs": (1, 1)}, "rungs must rise, from 1 to less than the 9", id="twice"),
        pytest.param({"trainings": 8, "rungs": (3, 9)}, "rungs must rise, from 1 to less than the 9", id="the end"),
        pytest.param({"trainings": 8, "rungs": (0, 3)}, "rungs must rise, from 1 to less than the 9", id="the start"),
        pytest.param({"hours": 1.0, "rungs": (3,)}, "rungs need a budget of trainings", id="by the clock"),
    ],
)
def test_an_invalid_budget_cannot_be_made(values, rule):
    with pytest.raises(InputError, match=rule):
        Budget(length=9, **values)


def test_the_search_knows_a_task_and_a_budget_but_no_study():
    modules = [*(ROOT / "search").glob("*.py"), *(ROOT / "simulation").glob("*.py")]
    naming = {path.name for path in modules if "StudyConfig" in (text := path.read_text()) or "seplace.study" in text}
    assert naming == OF_A_STUDY
