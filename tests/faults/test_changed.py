"""What a study is made of, changed between two runs: each change is refused by name, and nothing is altered."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import encoded, make_folder, picture

from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES
from seplace.backbones.foreign.imported import describe_import
from tests.faults.oracle import Oracle
from tests.faults.quick import write_quick
from tests.studies import write_study

MODULE = """\
from pathlib import Path

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()


def build(num_classes=3):
    stem, head = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, num_classes)
    stem.load_state_dict(torch.load(Path(__file__).with_name("stem.pt"), weights_only=True))
    return nn.Sequential(stem, Block(8), nn.MaxPool2d(2), Block(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, u):
        return 2 * torch.sigmoid(self.weight * u.mean((2, 3)))[:, :, None, None]
"""
SPACE = """\
schema: 1
backbone: "changing:build[image_size=8]"
gate: {init: identity}
choices: {modules: [none, "changing:Gate"]}
"""


def write_weights(folder: Path, *, seed: int) -> None:
    torch.manual_seed(seed)
    torch.save(torch.nn.Conv2d(3, 8, 3, stride=2).state_dict(), folder / "stem.pt")


def forget() -> None:
    """Let the modules of the user be imported anew, as in another process."""
    sys.modules.pop("changing", None)
    for shelf in (BACKBONES, ATTENTION):
        shelf._resolved.clear()
    describe_import.cache_clear()


def _study_file(folder: Path) -> None:
    write(folder, training={"learning_rate": 0.2}, search={"seed": 1})


def _network(folder: Path) -> None:
    (folder / "changing.py").write_text(MODULE.replace("3, padding=1", "5, padding=2"))


def _gate(folder: Path) -> None:
    (folder / "changing.py").write_text(MODULE.replace("2 * torch.sigmoid", "3 * torch.sigmoid"))


def _checkpoint(folder: Path) -> None:
    write_weights(folder, seed=1)


def _data(folder: Path) -> None:
    (path, *_) = sorted((folder / "images" / "train" / "class_1").iterdir())
    path.write_bytes(encoded(picture(np.random.default_rng(9), 8, 8, 3)))


CHANGES = {
    _study_file: ("training.learning_rate: 0.1 -> 0.2", "search.seed: 0 -> 1"),
    _network: ("backbone changing:build", "other parameters"),
    _gate: ("attention module changing:Gate", "computed values"),
    _checkpoint: ("backbone changing:build", "other loaded weights"),
    _data: ("the data set is another than when the study began",),
}


def write(folder: Path, **changes) -> Path:
    (folder / "own.yaml").write_text(SPACE)
    (folder / "changing.py").write_text(MODULE)
    write_weights(folder, seed=0)
    shutil.rmtree(folder / "images", ignore_errors=True)
    make_folder(folder / "images")
    data = {"name": "image_folder", "root": "images", "image_size": 8, "train_images": None, "validation_images": None}
    search = {"trainings": 7, "seeds": 1} | changes.pop("search", {})
    training = {"batch_size": 16} | changes.pop("training", {})
    return write_study(folder, space="own.yaml", data=data, training=training, search=search, **changes)


@pytest.fixture
def _forgotten():
    forget()
    yield
    forget()


@pytest.mark.long
@pytest.mark.usefixtures("_forgotten")
@pytest.mark.filterwarnings("default:.*test split")
def test_what_a_study_is_made_of_is_not_exchanged(tmp_path, seplace):
    oracle = Oracle(tmp_path / "out")
    oracle.after(seplace("run", write(tmp_path), "--results", tmp_path / "out")[0], wanted=0)
    kept = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for change, said in CHANGES.items():
        study = write(tmp_path)
        change(tmp_path)
        forget()
        code, output = seplace("run", study, "--results", tmp_path / "out")
        oracle.after(code, wanted=2)
        output = " ".join(output.split())
        assert "holds results of a study with another meaning; only its budget may grow" in output
        assert [text for text in said if text not in output] == [], change
        assert {path: path.read_bytes() for path in kept if path.name != "lock"}.items() <= kept.items()
    forget()
    study = write(tmp_path, search={"trainings": 8})  # as it was, and its budget has grown
    oracle.after(seplace("run", study, "--results", tmp_path / "out")[0], wanted=0)


@pytest.mark.long
def test_a_budget_may_grow_and_nothing_else_of_a_study_may_change(tmp_path, seplace):
    study, oracle = write_quick(tmp_path), Oracle(tmp_path / "out")
    oracle.after(seplace("run", study, "--results", tmp_path / "out")[0], wanted=0)
    before = oracle.complete
    write_quick(tmp_path, training={"epochs": 3})
    code, output = seplace("run", study, "--results", tmp_path / "out")
    oracle.after(code, wanted=2)
    assert "training.epochs: 2 -> 3" in output
    write_quick(tmp_path, search={"trainings": 14})
    oracle.after(seplace("run", study, "--results", tmp_path / "out")[0], wanted=0)
    assert before < oracle.complete
