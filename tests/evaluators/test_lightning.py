"""The evaluator of trainings of a user's own, and a study with one from its file to its front."""

from pathlib import Path

import pytest

import seplace
from seplace.errors import MissingWeights
from seplace.evaluators.lightning import make
from seplace.placement import Placement
from seplace.results.evaluation import Job
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
PLAIN, ECA = Placement.parse("none-none-none"), Placement.parse("eca-none-none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, SPACE, "space.yaml")
    return tmp_path


def evaluator(folder: Path, text: str = STUDY):
    return make(load_study(write(folder, text)), folder / "results", worker=0)


def test_a_study_runs_from_its_file_to_its_front(folder):
    study = write(folder, STUDY)
    results = seplace.run(study, folder=folder / "results", observer=lambda _: None)
    assert len(results.evaluations) == 8
    assert set(results.evaluations["state"]) == {"complete"}
    front = results.front
    assert {"placement", "flops"} <= set(front.columns)
    assert (folder / "results" / "report.html").exists()
    again = seplace.run(study, folder=folder / "results", observer=lambda _: None)
    assert again.evaluations.equals(results.evaluations)


def test_the_weights_of_module_and_network_are_kept(folder):
    text = STUDY.replace("Classifier", "TwoOptimizers").replace(
        '{name: val_accuracy, goal: maximize, scale: 100, unit: "%"}', "{name: val/loss, goal: minimize}"
    )
    there = evaluator(folder, text.replace("classes: 3", "classes: 3\n  input: [3, 8, 8]"))
    row = there.evaluate(Job(placement=ECA, seed=0, epochs=2), on_epoch=lambda _: None)
    assert row.state == "complete"
    assert row.value == row.curve[-1]["value"]
    assert there.test(row).value > 0
    (there.folder / "weights" / f"{row.weights}.beside").unlink()
    with pytest.raises(MissingWeights, match="beside the network"):
        there.test(row)


def test_costs_are_those_of_the_network_or_of_the_module(folder):
    network = evaluator(folder).cost_table()
    module = evaluator(folder, STUDY.replace("classes: 3", "classes: 3\n  cost_of: module")).cost_table()
    assert network.costs_of(ECA) == module.costs_of(ECA)
    text = STUDY.replace("Classifier", "TwoOptimizers").replace("classes: 3", "classes: 3\n  input: [3, 8, 8]")
    with_head = evaluator(folder, text.replace("input:", "cost_of: module\n  input:")).cost_table()
    assert with_head.costs_of(PLAIN)["params"] == network.costs_of(PLAIN)["params"] + 12
    assert (
        with_head.costs_of(ECA)["flops"] - with_head.costs_of(PLAIN)["flops"]
        == network.costs_of(ECA)["flops"] - network.costs_of(PLAIN)["flops"]
    )
