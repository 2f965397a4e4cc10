"""Searches with rungs; those without are in test_driver."""

import random

import numpy as np
import optuna
import pytest

from seplace.api import Results
from seplace.executors import EXECUTORS
from seplace.placement import Placement
from seplace.results.ledger import Ledger
from seplace.search.proposals import Proposals
from seplace.search.rungs import LEAST_PAIRS
from seplace.study.config import load_study
from tests.search.toy import Scrambled, Shelf, Stop, accuracy_of, go, left_in
from tests.studies import write_small_space, write_study

EPOCHS, RUNGS = 9, (1, 3)


@pytest.fixture
def early(toy):
    """Trainings of nine epochs whose early ranks hold rather well."""
    toy.length, toy.rungs, toy.early_noise = EPOCHS, RUNGS, 0.5
    return toy


def study(folder, *, name="tiny", training=None, **changes):
    search = {"rungs": list(RUNGS), "trainings": 18, "seeds": 2} | changes.pop("search", {})
    return write_study(folder, name=name, training={"epochs": EPOCHS} | (training or {}), search=search, **changes)


def epochs_trained(trained) -> int:
    reached: dict[tuple[str, int], int] = {}
    for text, seed, epochs in trained:
        reached[text, seed] = max(reached.get((text, seed), 0), epochs)
    return sum(reached.values())


def read(folder):
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.evaluations(), ledger.rungs(), ledger.fact("rungs")


@pytest.mark.usefixtures("no_optuna_file")
def test_more_placements_are_looked_at_for_the_same_epochs(tmp_path, early):
    go(study(tmp_path), tmp_path / "out")
    whole, rungs, facts = read(tmp_path / "out")
    assert len(early.trained) == len(set(early.trained))
    assert 18 * EPOCHS - EPOCHS < epochs_trained(early.trained) <= 18 * EPOCHS
    assert len({text for text, _, _ in early.trained}) > 18
    assert {row.epochs for row in whole} == {EPOCHS}
    assert {row.epochs for row in rungs} == set(RUNGS)
    assert all(row.costs["flops"] > 0 for row in rungs)
    # Until ten pairs were there everything was trained to its end; the first seven are the baselines.
    assert [epochs for _, _, epochs in early.trained[:LEAST_PAIRS]] == [EPOCHS] * LEAST_PAIRS
    finished = {(row.placement, row.seed) for row in whole}
    assert facts["stopped"] == len({(row.placement, row.seed) for row in rungs} - finished) > 0
    assert all(rung["on"] and rung["pairs"] >= LEAST_PAIRS for rung in facts["rungs"])


@pytest.mark.usefixtures("no_optuna_file")
def test_ranks_that_do_not_hold_cost_nothing(tmp_path, early):
    """The study is that without rungs, and says why."""
    early.early_noise = 50.0
    go(study(tmp_path), tmp_path / "out")
    trained = early.trained.copy()
    early.trained.clear()
    go(study(tmp_path, name="plain", search={"rungs": []}), tmp_path / "plain")
    assert trained == early.trained
    _, rungs, facts = read(tmp_path / "out")
    assert rungs == []
    assert [rung["on"] for rung in facts["rungs"]] == [False, False]
    assert read(tmp_path / "plain")[2] is None
    note = Results.load(tmp_path / "out").rungs_note
    tau = f"{facts['rungs'][0]['tau']:.2f}"
    assert note.startswith(f"Rungs at the end: after 1 epoch off (Kendall's tau with the final ranks {tau} over ")


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize("executor", ["inline", "scrambled"])
def test_an_interrupted_study_with_rungs_equals_one_that_was_not(tmp_path, early, monkeypatch, executor):
    monkeypatch.setattr(
        "seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled) if executor == "scrambled" else EXECUTORS
    )
    path = study(tmp_path, confirm={"seeds": 2, "trainings": 4}, run={"workers": 3})
    go(path, tmp_path / "whole")
    trained = early.trained.copy()
    promoted = [
        at
        for at, (text, seed, epochs) in enumerate(trained)
        if epochs > RUNGS[0] and any(trained[before][:2] == (text, seed) for before in range(at - 4))
    ]
    assert promoted  # something stopped, and went on after others
    early.trained.clear()
    for stop_after in sorted({5, 12, promoted[0], promoted[-1], len(trained) - 2}):
        early.stop_after = stop_after
        with pytest.raises(Stop):
            go(path, tmp_path / "parts")
    early.stop_after = None
    go(path, tmp_path / "parts")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")
    if executor == "inline":
        assert early.trained == trained


@pytest.mark.usefixtures("no_optuna_file")
def test_the_order_in_which_they_finish_does_not_matter(tmp_path, early, monkeypatch):
    path = study(tmp_path, run={"workers": 4})
    go(path, tmp_path / "straight")
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled))
    for seed in range(2):
        monkeypatch.setattr(Scrambled, "order", random.Random(seed))
        go(path, tmp_path / f"scrambled{seed}")
        assert left_in(tmp_path / f"scrambled{seed}") == left_in(tmp_path / "straight")
    assert any(epochs == RUNGS[0] for _, _, epochs in early.trained)


class FurtherSeedsLast(Scrambled):
    """Finishes the first trainings of all placements before any further one."""

    def wait(self):
        job = min(self.jobs, key=lambda job: job.seed)
        self.jobs.remove(job)
        return [self.evaluator.evaluate(job, on_epoch=lambda _: None)]


@pytest.mark.usefixtures("early", "no_optuna_file")
@pytest.mark.parametrize("executor", [Scrambled, FurtherSeedsLast])
def test_a_mean_is_of_the_processed_results_whatever_has_finished(tmp_path, monkeypatch, executor):
    """A placement is proposed for its next seed while its first training is on its way to a rung, and goes on there.

    So its second training is processed first, although the first one may have finished long before.
    """
    monkeypatch.setattr("seplace.search.rungs.LEAST_PAIRS", 7)  # the baselines are enough
    monkeypatch.setattr("seplace.search.rungs._PROMOTED", 1.0)  # all that meet a rung go on
    monkeypatch.setattr("seplace.search.rungs._NEVER_STOPPED", 0.0)
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=executor))
    means: dict[int, float] = {}
    tell = Proposals.tell

    def note(proposals, number, *, score, **others):
        means[number] = score
        tell(proposals, number, score=score, **others)

    monkeypatch.setattr(Proposals, "tell", note)
    twice = Placement.parse("eca-none-none")
    path = study(tmp_path, space=write_small_space(tmp_path), run={"workers": 4})
    first = sum(mark in load_study(path).search_space for mark in load_study(path).search_space.baselines.values())
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:  # as an earlier run would have proposed
        for number in (first, first + 1):
            ledger.add_proposal(number, twice)
    go(path, tmp_path / "out")
    accuracies = [accuracy_of(twice, seed) for seed in (0, 1)]
    assert means[first + 1] == accuracies[1]
    assert means[first] == pytest.approx(np.mean(accuracies))


def test_a_budget_that_grew_gives_the_longer_study(tmp_path, early):
    for trainings in (13, 16):
        go(study(tmp_path, search={"trainings": trainings}, run={"workers": 2}), tmp_path / "grown")
    assert epochs_trained(early.trained) <= 16 * EPOCHS
    go(study(tmp_path, search={"trainings": 16}, run={"workers": 2}), tmp_path / "long")
    grown, long = left_in(tmp_path / "grown"), left_in(tmp_path / "long")
    assert grown["tests"].keys() >= long["tests"].keys()
    for name in ("evaluations", "rungs", "proposals", "rung facts"):
        assert grown[name] == long[name]
    assert told_in(tmp_path / "grown") == told_in(tmp_path / "long")


def trials_in(folder) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder / 'optuna.db'}"
    return optuna.load_study(study_name="tiny", storage=storage, sampler=optuna.samplers.RandomSampler()).get_trials()


def told_in(folder) -> list[tuple[dict[str, str], list[float]]]:
    return [(trial.params, trial.values) for trial in trials_in(folder)]


@pytest.mark.usefixtures("early")
def test_a_stopped_training_has_its_expected_end(tmp_path):
    go(study(tmp_path), tmp_path / "out")
    trials = trials_in(tmp_path / "out")
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials)
    assert all(not trial.intermediate_values for trial in trials)
    stopped = [trial for trial in trials if "stopped" in trial.user_attrs]
    assert stopped
    whole, rungs, _ = read(tmp_path / "out")
    first = stopped[0]
    (row,) = [
        row
        for row in rungs
        if str(row.placement) == first.user_attrs["placement"] and row.epochs == first.user_attrs["stopped"]
    ]
    # Those whose first training had already ended.
    done = {trial.user_attrs["placement"] for trial in trials[: first.number] if trial.user_attrs.get("seed") == 0}
    done |= {str(each.placement) for each in whole[:7]}
    pairs = [
        (each.value_after(row.epochs), each.value) for each in whole if each.seed == 0 and str(each.placement) in done
    ]
    slope, intercept = np.polyfit(*zip(*pairs, strict=True), 1)
    assert first.values[0] == pytest.approx(intercept + min(max(slope, 0), 1) * row.value)
    assert first.values[0] != row.value


@pytest.mark.usefixtures("early", "no_optuna_file")
def test_a_stopped_placement_that_is_proposed_again_is_trained_to_its_end(tmp_path):
    """In so small a space that all are proposed again; with one seed each nothing is left but to go on."""
    path = study(tmp_path, space=write_small_space(tmp_path), search={"trainings": 12, "seeds": 1})
    go(path, tmp_path / "out")
    whole, _, _ = read(tmp_path / "out")
    space = Results.load(tmp_path / "out").config.search_space
    assert {str(row.placement) for row in whole} >= {str(each) for each in space}
    assert all(row.value == accuracy_of(row.placement, row.seed) for row in whole)


@pytest.mark.usefixtures("no_optuna_file")
def test_what_fails_before_a_rung_has_failed(tmp_path, early):
    go(study(tmp_path), tmp_path / "first")
    _, rungs, _ = read(tmp_path / "first")
    doomed = str(min(rungs, key=lambda row: early.trained.index(row.key)).placement)
    early.failing = {doomed: "diverged"}
    early.trained.clear()
    go(study(tmp_path), tmp_path / "out")
    whole, rungs, _ = read(tmp_path / "out")
    (row,) = [row for row in whole if row.state == "failed"]
    assert (str(row.placement), row.epochs, row.reason) == (doomed, EPOCHS, "diverged")
    assert Placement.parse(doomed) not in {row.placement for row in rungs}
    assert [text for text, _, _ in early.trained].count(doomed) == 1


@pytest.mark.usefixtures("no_optuna_file")
def test_results_at_rungs_stand_in_a_table_of_their_own(tmp_path, early):
    go(study(tmp_path), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    whole, rungs, _ = read(tmp_path / "out")
    stopped = {str(row.placement) for row in rungs} - {str(row.placement) for row in whole}
    assert stopped
    for table in (found.evaluations, found.placements, found.front):
        assert not stopped & set(table["placement"])
    assert set(found.evaluations["epochs"]) == {EPOCHS}
    assert len(found.rungs) == len(rungs)
    assert stopped == set(found.rungs[found.rungs["reached"] < EPOCHS]["placement"])
    assert all(text not in stopped for text, _, _ in early.tested)
