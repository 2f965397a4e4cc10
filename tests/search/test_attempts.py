"""Failures of the machine say nothing about a placement; its own failures are results until a user repeats them."""

import random
import shutil
from dataclasses import replace

import pytest

from seplace.errors import TooManyFailures
from seplace.executors import EXECUTORS
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.search.attempts import Attempts, FailureRules
from tests.search.toy import Scrambled, Shelf, Stop, go, left_in
from tests.studies import write_small_space, write_study

PLAIN = "none-none-none"
OTHERS = ["eca-eca-eca", "none-none-eca", "eca-none-none", "none-eca-eca"]
"""Two baselines, and two placements that only the search trains."""

pytestmark = pytest.mark.usefixtures("no_optuna_file")


def small_study(folder, *, stop_after: int = 5, confirmations: int = 0, **search):
    return write_study(
        folder,
        space=write_small_space(folder),
        search={"trainings": 18, **search},
        confirm={"seeds": 3, "trainings": confirmations} if confirmations else None,
        run={"stop_after_failures": stop_after},
    )


def rows_of(folder):
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.evaluations(), ledger.failures(), ledger.fact("finished")


@pytest.mark.parametrize(
    ("executor", "sampler", "reason"), [("inline", "effects", "oom"), ("scrambled", "nsga2", "crashed")]
)
def test_a_study_whose_machine_failed_once_equals_one_that_had_no_trouble(
    tmp_path, toy, monkeypatch, executor, sampler, reason
):
    monkeypatch.setattr(
        "seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled) if executor == "scrambled" else EXECUTORS
    )
    monkeypatch.setattr(Scrambled, "order", random.Random(0))
    path = small_study(tmp_path, sampler=sampler, confirmations=4)
    go(path, tmp_path / "whole")
    toy.trained.clear()
    toy.failing, toy.fails_once = dict.fromkeys([PLAIN, *OTHERS], reason), True
    go(path, tmp_path / "out")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "whole")
    rows, failures, _ = rows_of(tmp_path / "out")
    assert {str(row.placement) for row in failures} == {PLAIN, *OTHERS}
    assert {row.reason for row in failures} == {reason}
    assert sum(row.attempts for row in rows) == len(toy.trained) == len(rows) + 5


def test_machine_failures_of_a_run_are_repeated_by_the_next(tmp_path, toy):
    path = small_study(tmp_path, sampler="nsga2", stop_after=99, confirmations=4)
    toy.failing = dict.fromkeys(OTHERS, "crashed")
    go(path, tmp_path / "out")
    before, _, finished = rows_of(tmp_path / "out")
    assert finished
    proposals = left_in(tmp_path / "out")["proposals"]
    lost = [row for row in before if row.state == "failed"]
    assert {str(row.placement) for row in lost} == set(OTHERS)
    assert {row.attempts for row in lost} == {2}
    toy.failing = {}
    toy.trained.clear()
    toy.stop_after = 2
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    go(path, tmp_path / "out")
    after, failures, _ = rows_of(tmp_path / "out")
    assert all(row.state == "complete" for row in after)
    assert {key for row in lost if (key := row.key)} <= {row.key for row in failures}
    assert {row.attempts for row in after if row.key in {each.key for each in lost}} == {3}
    complete = [row for row in before if row.state == "complete"]
    assert [row for row in after if row in complete] == complete  # neither lost nor altered
    assert proposals.items() <= left_in(tmp_path / "out")["proposals"].items()
    trained = len(toy.trained)
    left = left_in(tmp_path / "out")
    go(path, tmp_path / "out")
    assert len(toy.trained) == trained
    assert left_in(tmp_path / "out") == left


def test_a_failure_at_a_rung_is_repeated_to_that_rung(tmp_path, toy):
    toy.length, toy.rungs = 6, (2,)
    path = write_study(tmp_path, training={"epochs": 6}, search={"trainings": 30, "rungs": [2]})
    go(path, tmp_path / "whole")
    stopped = [key for key, _ in left_in(tmp_path / "whole")["rungs"]][:3]
    toy.failing = dict.fromkeys((text for text, _, _ in stopped), "crashed")
    go(path, tmp_path / "out")
    assert {str(row.placement) for row in rows_of(tmp_path / "out")[0] if row.state == "failed"} == set(toy.failing)
    toy.failing = {}
    go(path, tmp_path / "out")
    rows, failures, _ = rows_of(tmp_path / "out")
    assert all(row.state == "complete" for row in rows)
    assert {row.epochs for row in failures} == {6}
    rungs = {key for key, _ in left_in(tmp_path / "out")["rungs"]}
    assert set(stopped) <= rungs | {row.key for row in rows}


def test_a_failure_of_no_phase_is_repeated_too(tmp_path, toy):
    path = small_study(tmp_path)
    go(path, tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        (last, *_) = reversed(ledger.evaluations())
        unasked = replace(last, seed=9, state="failed", value=None, cross_entropy=None, reason="error")
        ledger.add(unasked)
    go(path, tmp_path / "out")
    assert toy.trained[-1] != unasked.key
    go(path, tmp_path / "out", retry_failed=True)
    assert toy.trained[-1] == unasked.key
    rows, (failure,), finished = rows_of(tmp_path / "out")
    assert all(row.state == "complete" for row in rows)
    assert failure.key == unasked.key
    assert finished


def test_a_failure_of_the_placement_is_a_result_until_a_user_says_otherwise(tmp_path, toy):
    path = small_study(tmp_path)
    toy.failing = {OTHERS[0]: "diverged", OTHERS[1]: "error"}
    go(path, tmp_path / "out")
    toy.failing = {}
    trained = len(toy.trained)
    go(path, tmp_path / "out")
    assert len(toy.trained) == trained
    go(path, tmp_path / "out", retry_failed=True)
    rows, failures, finished = rows_of(tmp_path / "out")
    assert all(row.state == "complete" for row in rows)
    assert {str(row.placement) for row in failures} == set(OTHERS[:2])
    assert finished


@pytest.mark.parametrize(
    ("minutes", "is_made_again"),
    [
        pytest.param(0.001, False, id="no more time"),
        pytest.param(1.0, True, id="more time"),
        pytest.param(None, True, id="no limit any more"),
    ],
)
def test_a_timeout_is_repeated_if_the_limit_has_been_raised(minutes, is_made_again):
    rules = FailureRules(stop_after=5, timeout_minutes=minutes)
    row = Evaluation(
        placement=Placement.parse(PLAIN), seed=0, epochs=1, state="failed", reason="timeout", seconds=1.0, message="it"
    )
    assert (row.key in Attempts(rules, [row], [], retry_failed=False).replaced) == is_made_again
    assert row.key in Attempts(rules, [row], [], retry_failed=True).replaced


@pytest.mark.parametrize(
    ("reason", "attempts", "advice"),
    [
        ("oom", 2, "run the study again, and it is tried again"),
        ("diverged", 1, "--retry-failed .* tries it again"),
    ],
)
def test_a_study_whose_plain_backbone_failed_is_not_finished(tmp_path, toy, reason, attempts, advice):
    path = small_study(tmp_path)
    go(path, tmp_path / "whole")
    toy.trained.clear()
    toy.failing = {PLAIN: reason}
    with pytest.raises(
        TooManyFailures, match=rf"what everything is compared with has failed: {PLAIN} .*{reason}.*; .*{advice}"
    ):
        go(path, tmp_path / "out")
    trained = [text for text, _, _ in toy.trained]
    assert trained.count(PLAIN) == attempts
    assert (len(set(trained)) == 1) == (reason == "diverged"), "nothing is compared with one that failed by itself"
    if reason == "diverged":
        with pytest.raises(TooManyFailures, match="what everything is compared with has failed"):
            go(path, tmp_path / "out")
        assert [text for text, _, _ in toy.trained] == [PLAIN]
    assert not rows_of(tmp_path / "out")[2]
    toy.failing = {}
    go(path, tmp_path / "out", retry_failed=reason == "diverged")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "whole")


def test_a_machine_that_fails_everything_leaves_no_results(tmp_path, toy):
    path = small_study(tmp_path)
    go(path, tmp_path / "whole")
    toy.stop_after = len(toy.trained) + 9  # in the search
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    toy.failing = Always("crashed")
    with pytest.raises(TooManyFailures, match=r"5 trainings failed in a row, last .* run the study again"):
        go(path, tmp_path / "out")
    assert len(rows_of(tmp_path / "out")[0]) == 9
    again = shutil.copytree(tmp_path / "out", tmp_path / "again")
    toy.failing = {}
    go(path, tmp_path / "out")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "whole")
    # Known failures let a study go on, but it does not end as if they had not happened.
    toy.failing = Always("crashed")
    with pytest.raises(TooManyFailures, match=r"9 trainings failed in a row"):
        go(path, again)
    assert not rows_of(again)[2]
    toy.failing = {}
    go(path, again)
    assert all(row.state == "complete" for row in rows_of(again)[0])


class Always(dict):
    """One reason for every placement."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def get(self, _: str) -> str:
        return self.reason


def test_placements_that_always_crash_do_not_hold_up_a_study(tmp_path, toy):
    path = small_study(tmp_path, stop_after=2)
    toy.failing = dict.fromkeys(OTHERS, "oom")
    for _ in range(6):
        try:
            go(path, tmp_path / "out")
        except TooManyFailures:
            continue
        break
    else:
        pytest.fail("the study does not get on")
    assert rows_of(tmp_path / "out")[2]
    go(path, tmp_path / "out")
