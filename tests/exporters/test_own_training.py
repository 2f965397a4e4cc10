"""Exports of a network that a module of the user's own trained: no classifier, of inputs that are not square."""

import importlib
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from seplace.errors import DataError, InputError
from seplace.evaluators.lightning import make
from seplace.exporters import fresh_process
from seplace.exporters.examination import examine_export
from seplace.exporters.export_gates import gates_of_export
from seplace.exporters.folder import weights
from seplace.exporters.huggingface import export_huggingface
from seplace.exporters.onnx import export_onnx
from seplace.exporters.opened import open_export
from seplace.exporters.program import export_program
from seplace.exporters.source import export_source
from seplace.exporters.trained import TrainedNetwork, network_of_study
from seplace.placement import Placement
from seplace.results.both_splits import NO_FIGURE
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.exporters.networks import trained_network
from tests.study_texts import write

SHAPE = (5, 8, 12)
SPACE = """\
schema: 1
backbone: tests.exporters.test_own_training:Depth
gate: {init: identity}
choices: {modules: [none, eca, se], ratios: [2, 4]}
"""
STUDY = """\
schema: 1
space: ./space.yaml
training:
  module: tests.exporters.test_own_training:Task
  data: tests.exporters.test_own_training:Data
  trainer: {max_epochs: 1, precision: bf16-mixed}
  input: [5, 8, 12]
  cost_of: module
objective:
  metric: {name: val_error, goal: minimize, unit: mm, label: mean error}
  cost: flops
search: {trainings: 7, seeds: 1, seed: 0}
"""


class Depth(nn.Module):
    """Of images of five bands it returns what a classifier with an auxiliary head may return, and a map beside."""

    def __init__(self, in_channels: int = 5) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(in_channels, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor | None]]:
        y = self.block(x)
        return self.fc(y.mean((2, 3))), {"map": y, "nothing": None}


class Task(pl.LightningModule):
    """Its head is its own, and makes an error in millimeters of the map."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.network(x)[1]["map"])

    def training_step(self, batch):
        return (self(batch[0]) - batch[1]).square().mean()

    def validation_step(self, batch):
        self.log("val_error", (self(batch[0]) - batch[1]).abs().mean())

    def test_step(self, batch):
        self.log("test_error", (self(batch[0]) - batch[1]).abs().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)


class Data(pl.LightningDataModule):
    def train_dataloader(self) -> DataLoader:
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(6, *SHAPE, generator=generator)
        return DataLoader(TensorDataset(inputs, inputs.mean(1, keepdim=True)), 3)

    val_dataloader = test_dataloader = train_dataloader


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> tuple[TrainedNetwork, float]:
    """The trained network of a study as it is exported, and its test error."""
    folder = tmp_path_factory.mktemp("study")
    write(folder, SPACE, "space.yaml")
    evaluator = make(load_study(write(folder, STUDY)), folder / "results", worker=0)
    row = evaluator.evaluate(Job(placement=Placement.parse("eca"), seed=0, epochs=1), on_epoch=lambda _: None)
    row = replace(row, costs={"flops": evaluator.cost_table().costs_of(row.placement)["flops"]})
    study = {
        "config": evaluator.config,
        "metric": evaluator.config.metric,
        "placements": pd.DataFrame({"placement": ["eca"], "n": [2], "error": [0.75], "gain": [0.1]}),
        "of_weights": NO_FIGURE,
        "folder": folder / "results",
    }
    images = {"input": [5, 8, 12], "channels": 5, "classes": ["0"]}
    with pytest.raises(DataError, match="the shape of an input is not known"):
        network_of_study(row, images={**images, "input": [5, 8]}, **study)
    return network_of_study(row, images=images, **study), evaluator.test(row).value


def in_this_process(folder: Path, loader: str, images: dict[str, Tensor], *, timeout_seconds: float):
    del timeout_seconds
    network = fresh_process.LOADERS[loader](folder)
    with torch.inference_mode():
        return {name: fresh_process.as_one(network(batch)) for name, batch in images.items()}


@pytest.fixture(scope="module")
def folder(there, tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seplace.exporters.verify._logits_in_fresh_process", in_this_process)
        return export_program(there[0], tmp_path_factory.mktemp("own") / "export")


@pytest.fixture
def predict(folder, monkeypatch):
    """The module predict.py of the export."""
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("predict", None)
    yield importlib.import_module("predict")
    sys.modules.pop("predict")


def test_the_network_returns_all_that_its_forward_returns(there, folder, predict):
    trained, _ = there
    config = json.loads((folder / "config.json").read_text())
    assert (config["image_size"], config["in_channels"], config["classes"]) == ([8, 12], 5, [])
    assert (config["module"], config["flops"]) == ("tests.exporters.test_own_training:Task", trained.flops)
    assert config["provenance"]["cost_of"] == "module"
    assert config["provenance"]["flops"] != trained.flops, "those of the module, which has a head"
    inputs = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(3))
    expected = trained.build()(inputs)
    for output in (predict.predict(inputs), open_export(folder).build()(inputs)):
        assert torch.equal(output[0], expected[0])
        assert torch.equal(output[1]["map"], expected[1]["map"])
    found = fresh_process.examine(folder)
    sys.path.remove(str(folder))
    assert (found["difference"], found["outputs"]) == (0, [(2, 3), (2, 8, 8, 12)])


def test_the_page_says_nothing_of_classes_and_comes_back_to_the_error_of_the_study(there, folder, predict, monkeypatch):
    del predict
    trained, error = there
    page = (folder / "README.md").read_text()
    assert re.findall(r"(?i)class\w*|accurac\w+|logits\b", page) == ["classes", "classes", "logits"], "arguments alone"
    assert "is what the module holds beside it: `head.bias` (1,), `head.weight` (1, 8, 1, 1)." in page
    assert "had precision `bf16-mixed`; here it computes in single precision" in page
    assert "A lower mean error is better" in page
    assert f"{trained.flops:,} for an input of 5×8×12" in page
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(folder)
    given = torch.randn(2, *SHAPE)
    scope = {"inputs": given}
    for block in blocks:
        exec(block, scope)
    assert torch.equal(scope["network"].eval()(given)[1]["map"], trained.build()(given)[1]["map"])
    module = scope["module"].eval()
    with torch.inference_mode():
        inputs, targets = Data().test_dataloader().dataset[:]
        assert float((module(inputs) - targets).abs().mean()) == pytest.approx(error, rel=0.02)


def test_predict_shows_and_saves_outputs_and_says_what_it_does_not_take(predict, tmp_path, monkeypatch, capsys):
    def said(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["predict.py", *map(str, arguments)])
        try:
            predict.main()
        except SystemExit as stopped:
            return str(stopped.code)
        return capsys.readouterr().out

    one = torch.zeros(SHAPE)
    np.save(tmp_path / "one.npy", one.double().numpy())
    torch.save(torch.zeros(2, *SHAPE), tmp_path / "two.pt")
    text = said(tmp_path / "one.npy", "--output", tmp_path / "out.pt")
    assert re.search(r"^output\[0\]  \(1, 3\) float32  .* to .*, mean .*\noutput\[1\]\['map'\]  \(1, 8, 8, 12\)", text)
    assert torch.equal(torch.load(tmp_path / "out.pt")[0], predict.load()(one[None])[0])
    assert "(2, 8, 8, 12)" in said(tmp_path / "two.pt")
    assert "several tensors: save them as .pt" in said(tmp_path / "one.npy", "--output", tmp_path / "out.npy")
    assert said(tmp_path / "one.npy", "--output", tmp_path / "out.png") == "2"
    assert "no image is prepared here" in said("photo.jpg")
    np.save(tmp_path / "bytes.npy", np.zeros(SHAPE, np.uint8))
    assert "prepared as in the training (got torch.uint8)" in said(tmp_path / "bytes.npy")
    np.save(tmp_path / "gray.npy", np.zeros((1, 8, 12), np.float32))
    assert "with 5 channels (got (1, 1, 8, 12))" in said(tmp_path / "gray.npy")
    np.save(tmp_path / "square.npy", np.zeros((5, 8, 8), np.float32))
    assert "takes inputs (C, H, W) of (5, 8, 12), not of (5, 8, 8)" in said(tmp_path / "square.npy")
    for name, content in (("damaged.pt", b"PK"), ("empty.npy", b""), ("zip.npy", b"PK\x03\x04")):
        (tmp_path / name).write_bytes(content)
        assert "no array can be read from it" in said(tmp_path / name)
    torch.save({"x": one}, tmp_path / "batch.pt")
    assert "holds no array or dense tensor, but a dict" in said(tmp_path / "batch.pt")
    torch.save(one.to_sparse(), tmp_path / "sparse.pt")
    assert "but a Tensor" in said(tmp_path / "sparse.pt")
    assert said(tmp_path / "two.pt", "--output", tmp_path / "two.pt") == "2"


def test_forms_for_image_classifiers_say_why_they_are_not_for_it(there, tmp_path):
    with pytest.raises(InputError, match=r"which only the data of .*:Task knows: export as program or onnx"):
        export_huggingface(there[0], tmp_path / "export")


def test_gates_are_measured_where_inputs_are_prepared(folder, tmp_path):
    with pytest.raises(InputError, match=r"only the data of .*:Task knows .* by `seplace gates RESULTS`"):
        gates_of_export(folder, data=tmp_path, most_images=1, device="cpu")


def test_weights_of_a_training_in_double_precision_are_those_of_the_program(there, folder, tmp_path):
    trained, _ = there
    copy = shutil.copytree(folder, tmp_path / "copy")
    double = {name: each.double() if each.is_floating_point() else each for name, each in trained.state.items()}
    (copy / "model.safetensors").write_bytes(weights(replace(trained, state=double)))
    assert fresh_process.LOADERS["model.pt2"](copy)


@pytest.mark.long
def test_a_backbone_of_the_shelf_is_exported_as_source_with_its_height_and_width(tmp_path):
    square = trained_network()
    other = replace(
        square, image_size=(16, 40), preprocessing=None, classes=(), module="my_task:Task", flops=None, num_classes=3
    )
    folder = export_source(other, tmp_path / "export")
    assert all(finding.passed is not False for finding in examine_export(folder))
    assert "torch.zeros(1, 3, 16, 40)" in (folder / "README.md").read_text()


@pytest.mark.long
def test_several_outputs_are_verified_in_fresh_processes_and_in_onnx(there, tmp_path):
    for export in (export_program, export_onnx):
        folder = export(there[0], tmp_path / export.__name__)
        findings = {each.subject: each for each in examine_export(folder)}
        assert all(each.passed is not False for each in findings.values())
        assert "(2, 3), (2, 8, 8, 12) for two inputs" in findings["predict"].text
