"""A study goes on only with the code and the data that it began with."""

import sys

import pytest

from seplace.api import Results
from seplace.backbones import BACKBONES
from seplace.backbones.foreign.imported import describe_import
from seplace.errors import StudyChanged
from seplace.results.ledger import Ledger
from seplace.search.plan import make_plan
from seplace.study.config import load_study
from tests.search.toy import go, keys_in
from tests.studies import write_study

NETWORK = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()


def build(num_classes=10):
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), Block(8), Block(8), nn.MaxPool2d(2), Block(8), *head)
"""
SPACE = """\
schema: 1
backbone: "changing:build[image_size=8,in_channels=1]"
gate: {init: identity}
choices: {modules: [none, eca]}
"""


@pytest.fixture
def write_network(tmp_path, monkeypatch):
    """Write the network of a study, as an author does between two runs."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> None:
        (tmp_path / "changing.py").write_text(text)
        monkeypatch.delitem(sys.modules, "changing", raising=False)
        BACKBONES._resolved.clear()
        describe_import.cache_clear()

    yield write
    BACKBONES._resolved.clear()
    describe_import.cache_clear()


def written(folder, trainings: int):
    (folder / "own.yaml").write_text(SPACE)
    return write_study(folder, space="own.yaml", search={"trainings": trainings, "seeds": 1})


@pytest.mark.usefixtures("no_optuna_file")
def test_a_study_does_not_go_on_with_another_network_of_the_same_name(tmp_path, toy, write_network):
    folder = tmp_path / "out"
    write_network(NETWORK)
    go(written(tmp_path, 7), folder)
    trained = keys_in(folder)
    write_network(NETWORK + "# a comment\n")
    go(written(tmp_path, 7), folder)
    write_network(NETWORK.replace("3, padding=1", "5, padding=2"))
    with pytest.raises(StudyChanged, match=r"backbone changing:build\S+ is another than .* \(other parameters"):
        go(written(tmp_path, 8), folder)
    assert keys_in(folder) == trained == toy.trained
    with pytest.raises(StudyChanged, match="backbone changing:build"):
        Results.load(folder).export(pick="none-none")
    priced = (folder / "costs.json").read_bytes()
    with pytest.warns(UserWarning, match=r"(?s)a run would be refused: .* is another than"):
        make_plan(load_study(written(tmp_path, 8)), folder, with_batch=True)
    assert (folder / "costs.json").read_bytes() == priced


@pytest.mark.long
def test_costs_are_those_of_the_network_as_it_is(tmp_path, write_network):
    def params() -> int:
        plan = make_plan(load_study(written(tmp_path, 8)), tmp_path / "out", with_batch=True)
        return next(span.plain for span in plan.spans if span.name == "params")

    write_network(NETWORK)
    before = params()
    write_network(NETWORK.replace("3, padding=1", "5, padding=2"))
    assert params() == before + 3 * 8 * 8 * (25 - 9)


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_a_study_does_not_go_on_with_other_images(tmp_path):
    path = write_study(tmp_path, search={"trainings": 9})
    go(path, tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        ledger.set_fact("images", ledger.fact("images") | {"classes": ["zero", "one"]})
    with pytest.raises(StudyChanged, match=r"the data set is another than when the study began: classes: \['zero'"):
        go(path, tmp_path / "out")


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_a_run_says_which_block_it_leaves_out(tmp_path, write_network):
    write_network(NETWORK.replace("Block(8), *head", "Block(8), *[Block(8)] * 2, *head"))
    with pytest.warns(UserWarning, match=r"left out of the blocks of changing:build\S+: 5 \(Block\) is called 2 times"):
        go(written(tmp_path, 7), tmp_path / "out")
