"""Executors and evaluators of a user's own that do not keep to their protocol: told as theirs, and never for ever."""

import re

import pytest

from seplace.search import trainings
from tests.faults import own_executors, quick
from tests.faults.oracle import Oracle, same_results

HERE = own_executors.__name__


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Loses", r"the executor has lost 7 of 7 trainings: they do not run"),
        ("Repeats", r"the executor's wait returns an evaluation that was not submitted: \('none-none-none', 0, 2\)"),
    ],
)
def test_an_executor_that_loses_or_repeats_trainings_is_named(tmp_path, seplace, quick_finished, name, message):
    study, folder = quick.write_quick(tmp_path, run={"executor": f"{HERE}:{name}"}), tmp_path / "out"
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder)
    assert re.search(message, output), output
    oracle.after(code, wanted=2)
    oracle.after(seplace("run", study, "--results", folder, "--executor", "inline")[0], wanted=0)
    same_results(folder, quick_finished / "out")


@pytest.mark.filterwarnings("default:no training has ended")
def test_an_executor_that_is_silent_is_warned_of(tmp_path, seplace, monkeypatch):
    monkeypatch.setattr(trainings, "_SILENCE", 0.2)
    study, folder = quick.write_quick(tmp_path, run={"executor": f"{HERE}:Silent"}), tmp_path / "out"
    code, output = seplace("run", study, "--results", folder)
    said = "warning: no training has ended or finished an epoch for 0 minutes, and 7 run; timeout_minutes"
    assert said in " ".join(output.split())
    Oracle(folder).after(code, wanted=130)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ReturnsNothing", r"fails in evaluate: TypeError: it returns an Evaluation \(got NoneType\)"),
        (
            "ReturnsAnother",
            r"fails in evaluate: ValueError: it returns the evaluation of \('[-\w]+', 1, 2\) \(got that",
        ),
    ],
)
def test_an_evaluator_that_returns_something_else_fails_its_trainings(tmp_path, seplace, name, message):
    study, folder = quick.write_quick(tmp_path, evaluator={"name": f"{HERE}:{name}"}), tmp_path / "out"
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder)
    oracle.after(code, wanted=0)
    assert "trainings failed" in output
    code, output = seplace("status", folder)
    assert re.search(message, " ".join(output.split())), output


def test_an_evaluator_that_describes_too_little_is_refused_before_any_training(tmp_path, seplace):
    study = quick.write_quick(tmp_path, evaluator={"name": f"{HERE}:DescribesLittle"})
    code, output = seplace("run", study, "--results", tmp_path / "out")
    assert code == 2
    assert "DescribesLittle fails in describe_images: ValueError: channels: Field required" in output
    assert quick.begun(tmp_path) == []
