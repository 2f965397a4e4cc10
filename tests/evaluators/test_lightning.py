"""The evaluator of trainings of a user's own, and a study with one from its file to its front."""

from dataclasses import replace
from pathlib import Path

import pytest

import seplace
from seplace.errors import InputError, MissingWeights, StudyChanged
from seplace.evaluators.lightning import make
from seplace.evaluators.study_gates import gates_of_study
from seplace.placement import Placement
from seplace.results.both_splits import BothSplits
from seplace.results.evaluation import Job
from seplace.results.ledger import Ledger
from seplace.search.plan import make_plan
from seplace.search.run_study import run_study
from seplace.study.config import load_study
from tests.study_texts import write

SPACE = """\
schema: 1
backbone: cifar_resnet8[width=0.25]
gate: {init: paper}
stages: [{modules: [none, eca]}, {modules: [none]}, {modules: [none, se], ratios: [4]}]
"""
STUDY = """\
schema: 1
space: space.yaml
training:
  module: tests.own_task:Classifier
  data: tests.own_task:Data
  options: {lr: 0.1}
  trainer: {max_epochs: 2}
  classes: 3
objective:
  metric: {name: val_accuracy, goal: maximize, scale: 100, unit: "%"}
  cost: flops
search: {sampler: exhaustive, trainings: 8, seeds: 1, seed: 0}
"""
TWO_OPTIMIZERS = (
    STUDY.replace("Classifier", "TwoOptimizers")
    .replace('{name: val_accuracy, goal: maximize, scale: 100, unit: "%"}', "{name: val/loss, goal: minimize}")
    .replace("classes: 3", "classes: 3\n  input: [3, 8, 8]")
)
PLAIN, ECA = Placement.parse("none-none-none"), Placement.parse("eca-none-none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, SPACE, "space.yaml")
    return tmp_path


def evaluator(folder: Path, text: str = STUDY, *, results: str = "results"):
    return make(load_study(write(folder, text)), folder / results, worker=0)


def test_a_study_runs_from_its_file_to_its_front(folder):
    config = load_study(write(folder, STUDY))
    run_study(config, folder / "results", observer=lambda _: None)
    results = seplace.load(folder / "results")
    assert len(results.rows) == 8
    assert {row.state for row in results.rows} == {"complete"}
    assert len({row.batches for row in results.rows}) == 1
    assert results.front["test_accuracy"].notna().all()
    assert {len(row.curve) for row in results.rows} == {2}
    other = load_study(write(folder, STUDY), settings=("training.options.lr=0.3",))
    with pytest.raises(StudyChanged, match=r"training.options.lr: 0.1 -> 0.3"):
        run_study(other, folder / "results", observer=lambda _: None)


def test_a_training_at_a_rung_goes_on_and_its_weights_are_kept_beside_those_of_the_module(folder):
    whole = Job(placement=ECA, seed=0, epochs=2)
    there, apart = evaluator(folder, TWO_OPTIMIZERS), evaluator(folder, TWO_OPTIMIZERS, results="apart")
    rung = there.evaluate(replace(whole, epochs=1), on_epoch=lambda _: None)
    assert (rung.state, rung.weights, len(rung.curve)) == ("complete", None, 1)
    row, other = (each.evaluate(whole, on_epoch=lambda _: None) for each in (there, apart))
    assert row.curve == other.curve
    assert row.curve[:1] == rung.curve
    assert row.weights_sha256 == other.weights_sha256
    assert row.value == row.curve[-1]["value"]
    assert there.test(row) == apart.test(other)
    record = gates_of_study(row, config=there.config, folder=there.folder, most_images=20, device="cpu")
    assert record.images == "20 inputs of the network in validation on tests.own_task:Data"
    assert len(record.gates) == 1
    (there.folder / "weights" / f"{row.weights}.beside").unlink()
    with pytest.raises(MissingWeights, match="beside the network"):
        there.test(row)


def test_a_training_in_windows_begins_again_where_it_ends(folder):
    """Two epochs of three steps; its scheduler needs a validation, and a module can be trained once only."""
    seconds, windows = iter([0.001, 0.001, 0.001, 0.001, None]), []
    there = evaluator(folder, STUDY.replace("Classifier", "Plateau"))
    there.train_in_windows(ECA, next_window=lambda: next(seconds), on_window=windows.append)
    assert [each.steps for each in windows] == [2, 2, 2, 2]
    assert all(each.seconds > 0.001 and each.held_bytes > 10**7 for each in windows)


def test_results_are_written_where_they_belong_though_a_training_changes_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SEPLACE_TEST_OTHER", "")
    there = make(load_study(write(folder, STUDY.replace("Classifier", "Leaves"))), Path("results"), worker=0)
    row = there.evaluate(Job(placement=PLAIN, seed=0, epochs=1), on_epoch=lambda _: None)
    assert row.state == "complete"
    assert [path.suffix for path in (folder / "results" / "checkpoints").iterdir()] == [".ckpt"]


def test_scores_of_single_samples_are_kept_of_both_splits(folder):
    there = evaluator(folder, STUDY.replace("Classifier", "Scored"))
    early = there.evaluate(Job(placement=ECA, seed=0, epochs=1), on_epoch=lambda _: None)
    assert early.sample_scores is None, "a training that stopped at a rung keeps none"
    row = there.evaluate(Job(placement=ECA, seed=0, epochs=2), on_epoch=lambda _: None)
    assert row.sample_scores is not None
    assert (row.sample_scores.count, row.sample_scores.mean) == (30, pytest.approx(row.value))
    tested = there.test(row)
    assert tested.sample_scores is not None
    assert (tested.sample_scores.count, tested.sample_scores.mean) == (24, pytest.approx(tested.value))
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add(row)
        ledger.add_test(row.key, value=tested.value, cross_entropy=None, samples=tested.samples)
        assert ledger.evaluations() == [row]
        assert ledger.test_images() == {row.key: tested.sample_scores}
    metric = there.config.metric
    tests = {row.key: (tested.value, None)}
    figure = BothSplits([row], metric=metric, tests=tests, images={row.key: tested.sample_scores}).of_weights(row)
    share = tested.value / 100
    assert figure.error == pytest.approx(100 * (share * (1 - share) / 23) ** 0.5)


def test_costs_are_those_of_the_network_or_of_the_module(folder):
    network = evaluator(folder).cost_table()
    with_head = evaluator(folder, TWO_OPTIMIZERS.replace("classes: 3", "classes: 3\n  cost_of: module")).cost_table()
    assert with_head.costs_of(PLAIN)["params"] == network.costs_of(PLAIN)["params"] + 12
    assert (
        with_head.costs_of(ECA)["flops"] - with_head.costs_of(PLAIN)["flops"]
        == network.costs_of(ECA)["flops"] - network.costs_of(PLAIN)["flops"]
    )


def test_a_plan_counts_costs_times_steps_and_finds_a_metric_that_is_not_logged(folder):
    plan = make_plan(load_study(write(folder, STUDY)), folder / "results", with_batch=True)
    assert plan.estimate is not None
    assert plan.estimate.training > 0
    assert plan.images["input"] == [3, 8, 8]
    wrong = load_study(write(folder, STUDY.replace("val_accuracy", "val_acuracy")))
    with pytest.raises(InputError, match=r"logs no 'val_acuracy' in validation. Did you mean 'val_accuracy'\?"):
        make_plan(wrong, folder / "wrong", with_batch=True)
    text = STUDY.replace("Classifier", "Broken").replace("{lr: 0.1}", "{how: value}")
    text = text.replace("val_accuracy", "val_accuracy_of_none").replace("classes: 3", "classes: 3\n  input: [3, 8, 16]")
    with pytest.warns(UserWarning, match="this plan|your data") as warned:
        assert make_plan(load_study(write(folder, text)), folder / "nan", with_batch=True).estimate is not None
    assert [str(each.message) for each in warned] == [
        "val_accuracy_of_none was nan after the 3 steps of this plan: a training whose validation gives that fails as "
        "diverged, and where it is the plain backbone's the run ends",
        "your data give the network 3 x 8 x 8, and training.input is [3, 8, 16]: costs are counted for the latter",
    ]
    nothing = load_study(write(folder, TWO_OPTIMIZERS.replace("  input: [3, 8, 8]\n", "")))
    with pytest.raises(InputError, match=r"training.input is missing: the shape \[channels, height, width\]"):
        make_plan(nothing, folder / "nothing", with_batch=True)


def test_the_first_training_says_that_inputs_have_another_shape(folder):
    there = evaluator(folder, STUDY.replace("classes: 3", "classes: 3\n  input: [3, 8, 16]"))
    with pytest.warns(UserWarning, match=r"your data give the network 3 x 8 x 8, and training.input is \[3, 8, 16\]"):
        there.evaluate(Job(placement=PLAIN, seed=0, epochs=1), on_epoch=lambda _: None)
    there.evaluate(Job(placement=ECA, seed=0, epochs=1), on_epoch=lambda _: None)


class Stopped(Exception):
    pass


@pytest.mark.long
def test_a_study_with_rungs_ends_the_same_whether_or_not_it_was_interrupted(folder):
    text = TWO_OPTIMIZERS.replace("max_epochs: 2", "max_epochs: 3").replace(
        "{sampler: exhaustive, trainings: 8, seeds: 1, seed: 0}", "{trainings: 12, seeds: 2, seed: 0, rungs: [1]}"
    )
    config = load_study(write(folder, text))
    run_study(config, folder / "whole", observer=lambda _: None)

    def stop(progress) -> None:
        if progress.phase == "search":
            raise Stopped

    with pytest.raises(Stopped):
        run_study(config, folder / "parts", observer=stop)
    run_study(config, folder / "parts", observer=lambda _: None)
    whole, parts = (seplace.load(folder / name) for name in ("whole", "parts"))
    assert [(row.key, row.value, row.curve) for row in whole.rows] == [
        (row.key, row.value, row.curve) for row in parts.rows
    ]
    assert len(whole.rows) >= 12
