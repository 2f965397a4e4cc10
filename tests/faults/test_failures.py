"""Trainings that end without a result: diverged, out of memory, or failed by the user's code."""

import re

import pytest

from seplace.results.ledger import Ledger
from tests.evaluators.own_code import __name__ as GATES
from tests.faults.oracle import Oracle, same_results
from tests.faults.quick import behave, write_quick
from tests.foreign import shared
from tests.marks import in_the_long_form
from tests.studies import write_study

PLACEMENT = "none-eca-none"
"""It is no baseline."""


def failures_in(folder) -> dict[str, tuple[str, str]]:
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return {str(row.placement): (row.reason, row.message) for row in ledger.evaluations() if row.state == "failed"}


def test_a_training_that_diverged_is_never_on_the_front(tmp_path, seplace):
    study, folder = write_quick(tmp_path), tmp_path / "out"
    behave(tmp_path, trouble="diverges", placements=[PLACEMENT], seed=0, epoch=2)
    oracle = Oracle(folder)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    assert failures_in(folder) == {PLACEMENT: ("diverged", "the training loss became nan in epoch 2")}
    assert PLACEMENT not in (folder / "front.csv").read_text()
    behave(tmp_path)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    assert PLACEMENT in str(failures_in(folder))  # it is a result, until a user says otherwise
    oracle.after(seplace("run", study, "--results", folder, "--retry-failed")[0], wanted=0)
    assert failures_in(folder) == {}


@pytest.mark.long
def test_real_trainings_that_all_diverge_stop_the_search_with_the_first(tmp_path, seplace):
    study = write_study(tmp_path, training={"learning_rate": 1e20})
    oracle = Oracle(tmp_path / "out")
    code, output = seplace("run", study, "--results", tmp_path / "out")
    oracle.after(code, wanted=4)
    assert "what everything is compared with has failed: none-none-none on seed 0: diverged" in output
    assert [reason for reason, _ in failures_in(tmp_path / "out").values()] == ["diverged"]
    assert re.search("the training loss became (nan|inf) in epoch 1", output)


@pytest.mark.parametrize("trouble", ["memory", in_the_long_form("raises"), "exits"])
def test_a_training_that_fails_leaves_the_others(tmp_path, seplace, trouble):
    study, folder = write_quick(tmp_path), tmp_path / "out"
    behave(tmp_path, trouble=trouble, placements=[PLACEMENT], seed=0)
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder)
    oracle.after(code, wanted=0)
    assert "1 training failed" in output
    ((placement, (reason, message)),) = failures_in(folder).items()
    assert (placement, reason) == (PLACEMENT, "oom" if trouble == "memory" else "error")
    said = {"memory": "memory ran out", "raises": "LookupError: a bug (quick.py:", "exits": "SystemExit: 0 (quick.py:"}
    assert said[trouble] in message
    behave(tmp_path)
    again = [] if trouble == "memory" else ["--retry-failed"]
    oracle.after(seplace("run", study, "--results", folder, *again)[0], wanted=0)
    assert failures_in(folder) == {}


SPACE = """\
schema: 1
backbone: cifar_resnet8[width=0.25]
gate: {{init: paper}}
choices:
  modules: [none, {modules}]
  attachments: [serial]
"""


@pytest.mark.long
def test_gates_of_a_user_that_fail_in_training_fail_their_trainings(tmp_path, seplace):
    """One raises, one ends the program, one returns nothing: three failures told as theirs."""
    names = ("FailsInTraining", "LeavesInTraining", "ReturnsNothingInTraining")
    (tmp_path / "own.yaml").write_text(SPACE.format(modules=", ".join(f'"{GATES}:{name}"' for name in names)))
    study = write_study(tmp_path, space="./own.yaml", search={"trainings": 14}, run={"stop_after_failures": 99})
    oracle = Oracle(tmp_path / "out")
    code, output = seplace("run", study, "--results", tmp_path / "out")
    oracle.after(code, wanted=0)
    messages = " ".join(message for _, message in failures_in(tmp_path / "out").values())
    assert "code of your own failed: KeyError: 'later' (own_code.py:" in messages
    assert "code of your own failed: SystemExit: 0 (own_code.py:" in messages
    assert "ReturnsNothingInTraining returned None, not a tensor" in messages
    assert "trainings failed" in output


@pytest.mark.long
@pytest.mark.slow
def test_a_training_that_never_ends_is_ended_by_its_time_limit(tmp_path, seplace):
    study, folder = write_quick(tmp_path, run={"timeout_minutes": 0.02}), tmp_path / "out"
    behave(tmp_path, trouble="spins", placements=[PLACEMENT], seed=0)
    oracle = Oracle(folder)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    ((placement, (reason, message)),) = failures_in(folder).items()
    assert (placement, reason) == (PLACEMENT, "timeout")
    assert "it took longer than the 0.02 minutes" in message
    behave(tmp_path)
    study = write_quick(tmp_path)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    assert failures_in(folder) == {}


def test_a_fault_of_the_test_split_leaves_the_tables_and_is_mended_by_the_next_run(tmp_path, seplace, quick_finished):
    study, folder = write_quick(tmp_path), tmp_path / "out"
    behave(tmp_path, trouble="test")
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder)
    oracle.after(code, wanted=3)
    assert "the test split could not be read, all else is done: val/a/1.png: not a readable image" in output
    behave(tmp_path)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    same_results(folder, quick_finished / "out")


@pytest.mark.long
def test_a_network_of_tied_weights_is_trained_kept_and_tested(tmp_path, seplace):
    (tmp_path / "own.yaml").write_text(
        f'schema: 1\nbackbone: "{shared.__name__}:tied[image_size=8,in_channels=1]"\ngate: {{init: paper}}\n'
        "choices: {modules: [none, se, eca], ratios: [4], attachments: [serial]}\n"
    )
    study = write_study(tmp_path, space="./own.yaml", search={"trainings": 8})
    oracle = Oracle(tmp_path / "out")
    oracle.after(seplace("run", study, "--results", tmp_path / "out")[0], wanted=0)
    assert oracle.acknowledged["tests"]
