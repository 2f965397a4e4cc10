"""Trainings of a user's own on two devices, here two processes of the CPU."""

from dataclasses import replace
from pathlib import Path

import pytest

from seplace.evaluators.lightning import make
from seplace.placement import Placement
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.evaluators.test_lightning import SPACE, STUDY
from tests.study_texts import write

ECA = Job(placement=Placement.parse("eca-none-none"), seed=0, epochs=2)
ON_TWO = STUDY.replace("trainer: {max_epochs: 2}", "trainer: {max_epochs: 2, devices: 2}") + "run: {accelerator: cpu}\n"


@pytest.fixture(autouse=True)
def _found_by_other_processes(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])


def evaluator(folder, text=ON_TWO, name="results"):
    write(folder, SPACE, "space.yaml")
    return make(load_study(write(folder, text)), folder / name, worker=0)


def test_two_devices_train_one_network(tmp_path):
    epochs = []
    there = evaluator(tmp_path)
    row = there.evaluate(ECA, on_epoch=epochs.append)
    assert row.state == "complete"
    assert epochs == [1, 2]
    assert there.test(row).value > 0


@pytest.mark.long
@pytest.mark.parametrize("task", ["own_task", "own_lightning_task"])
def test_two_devices_go_on_to_the_same_numbers(tmp_path, task):
    text = ON_TWO.replace("own_task", task)
    whole = evaluator(tmp_path, text).evaluate(ECA, on_epoch=lambda _: None)
    parts = evaluator(tmp_path, text, name="parts")
    start = parts.evaluate(replace(ECA, epochs=1), on_epoch=lambda _: None)
    assert list(parts.folder.glob("checkpoints/*.ckpt"))
    rest = parts.evaluate(ECA, on_epoch=lambda _: None)
    assert start.curve[0] == whole.curve[0]
    assert (rest.curve, rest.weights_sha256) == (whole.curve, whole.weights_sha256)
    assert not list(parts.folder.glob("checkpoints/*"))
    assert ("lightning" in whole.versions) == (task == "own_lightning_task")


@pytest.mark.long
def test_a_metric_that_each_device_keeps_to_itself_is_refused(tmp_path):
    text = ON_TWO.replace("name: val_accuracy", "name: val_loss")
    failed = evaluator(tmp_path, text).evaluate(ECA, on_epoch=lambda _: None)
    assert failed.reason == "error"
    assert "sync_dist=True" in failed.message


@pytest.mark.long
def test_an_error_and_a_death_of_one_of_the_processes_end_all(tmp_path):
    text = ON_TWO.replace("Classifier", "FailsOnSecondDevice")
    failed = evaluator(tmp_path, text.replace("options: {lr: 0.1}", "options: {how: raise}")).evaluate(
        ECA, on_epoch=lambda _: None
    )
    assert failed.reason == "error"
    assert "only here" in failed.message
    killed = evaluator(tmp_path, text.replace("options: {lr: 0.1}", "options: {how: exit}"), name="other").evaluate(
        ECA, on_epoch=lambda _: None
    )
    assert killed.reason == "crashed"
    assert "exit code 7" in killed.message
