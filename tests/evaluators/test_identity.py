import json
import sys

import pytest
import torch

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.backbones.sites import Site, Stage
from seplace.evaluators.identity import changes_of_identity, changes_of_images, counted_code, identity_of
from seplace.evaluators.network_identity import identity_of_backbone, identity_of_choice
from seplace.placement import StageChoice
from seplace.study.config import load_study
from tests.studies import write_study

NETWORK = """\
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.drop(x) + self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(1, 6, 3, padding=1), nn.Sequential(Block(6), Block(6))
        self.head = nn.Linear(6, num_classes)
        self.register_buffer("scale", torch.tensor(1.0))

    def forward(self, x):
        x = self.blocks(self.stem(x) * torch.tensor([0.5]))
        return self.head(x.mean((2, 3)))


def build(num_classes=10):
    network = Net(num_classes)
    with torch.no_grad():
        network.stem.weight.copy_(torch.linspace(-1, 1, 54).reshape(6, 1, 3, 3))  # as a checkpoint would
    return network
"""

GATE = """\
import torch
from torch import nn


class Mine(nn.Module):
    def __init__(self, channels, *, init="paper"):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, u):
        return torch.sigmoid(self.weight * u.mean((2, 3)))[:, :, None, None]
"""

EVALUATOR = """\
from helping import LENGTH


def make(config, folder, *, worker):
    return LENGTH
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module under a name that no other test has, and return the name."""
    monkeypatch.syspath_prepend(tmp_path)
    names = (f"own_{tmp_path.name}_{number}" for number in range(9))

    def write(text: str, name: str | None = None) -> str:
        name = name or next(names)
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def changed(text: str, change: tuple[str, str]) -> str:
    assert text.count(change[0]) == 1
    return text.replace(*change)


def of_network(module, text: str) -> dict:
    identity = identity_of_backbone(
        describe(f"{module(text)}:build[image_size=16,in_channels=1]"), num_classes=4, shape=(1, 16, 16)
    )
    return {"backbone nets:build": json.loads(json.dumps(identity, allow_nan=False))}


@pytest.mark.parametrize(
    ("change", "others"),
    [
        pytest.param(("3, padding=1), nn.BatchNorm2d", "5, padding=2), nn.BatchNorm2d"), "parameters", id="kernel"),
        pytest.param(("return self.drop(x) + ", "return self.drop(x) - "), "operators", id="another operator"),
        pytest.param(("Dropout(0.1)", "Dropout(0.2)"), "operators", id="only in training"),
        pytest.param(("[0.5]", "[0.6]"), "computed values", id="a constant of the forward"),
        pytest.param(("(-1, 1, 54)", "(-1, 1.01, 54)"), "loaded weights or constants", id="the checkpoint"),
        pytest.param(("tensor(1.0)", "tensor(2.0)"), "loaded weights or constants", id="a buffer"),
        pytest.param(("1, 6, 3", "1, 6, 3, bias=False"), "parameters", id="a parameter less"),
        pytest.param(("    return network", "    return network.requires_grad_(False)"), "parameters", id="frozen"),
    ],
)
def test_another_network_under_the_same_name_is_found(module, change, others):
    known, now = of_network(module, NETWORK), of_network(module, changed(NETWORK, change))
    (line,) = changes_of_identity(known, now)
    assert line.startswith("backbone nets:build is another than when the study began (other ")
    assert others in line
    assert counted_code(known) != counted_code(now) or others in ("computed values", "loaded weights or constants")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("class Net(", "# a comment\nclass Net("), id="a comment"),
        pytest.param(("class Block(nn.Module):\n", 'class Block(nn.Module):\n    """One."""\n\n'), id="a docstring"),
        pytest.param(
            ("        x = self.blocks(", "        y = x\n        x = self.blocks("), id="the same in other words"
        ),
    ],
)
def test_the_same_network_in_another_text_is_the_same(module, change):
    assert changes_of_identity(of_network(module, NETWORK), of_network(module, changed(NETWORK, change))) == []


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        pytest.param("x = x * 1.5", "with torch.no_grad(): x = x * 1.5", "operators", id="what learns"),
        pytest.param(
            "if x.requires_grad: x.register_hook(lambda slope: slope * 0.1)",
            "if x.requires_grad: x.register_hook(lambda slope: slope * 0.2)",
            "operators",
            id="a hook on gradients",
        ),
        pytest.param(
            "if self.training: x = x * torch.tensor([0.5, 2.0]).mean()",
            "if self.training: x = x * torch.tensor([0.5, 2.1]).mean()",
            "constants",
            id="a tensor of training",
        ),
        pytest.param(
            "x = x + 0 * torch.ones(1) * torch.tensor([2.0])",
            "x = x + 0 * torch.ones(1) * torch.tensor([3.0])",
            "constants",
            id="a tensor that begins behind zero",
        ),
    ],
)
def test_another_network_that_computes_the_same_at_first_is_found(module, before, after, others):
    at = "        return self.head("
    known, now = (of_network(module, changed(NETWORK, (at, f"        {line}\n{at}"))) for line in (before, after))
    assert changes_of_identity(known, known) == []
    (change,) = changes_of_identity(known, now)
    assert others in change


def test_weights_that_are_drawn_otherwise_are_found(module):
    zeros = changed(NETWORK, ("Dropout(0.1)", "Dropout(0.1)\n        nn.init.zeros_(self.norm.weight)"))
    known = of_network(module, zeros)
    now = of_network(
        module, zeros.replace("nn.init.zeros_", "nn.init.xavier_normal_(self.conv.weight)\n        nn.init.zeros_")
    )
    (change,) = changes_of_identity(known, now)
    assert "initial weights" in change


def test_a_network_that_is_random_in_eval_mode_is_identified_by_what_does_not_vary(module):
    varies = changed(
        NETWORK, ("return self.head(", "import os\n        x = x + os.urandom(1)[0]\n        return self.head(")
    )
    known = of_network(module, varies)
    assert not {"operators", "output"} & known["backbone nets:build"].keys()
    assert changes_of_identity(known, of_network(module, varies)) == []


def test_another_version_of_torch_is_not_another_network(module):
    known = of_network(module, NETWORK)
    other = {name: {**one, "torch": "2.6.0", "operators": "x", "output": [1.0]} for name, one in known.items()}
    assert changes_of_identity(known, other) == []


def test_the_random_state_is_left_as_it_was(module):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    of_network(module, NETWORK)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("change", "others"),
    [
        pytest.param(("torch.sigmoid(", "torch.tanh("), "operators", id="its operator"),
        pytest.param(("torch.zeros(channels)", "torch.ones(channels)"), "loaded weights or constants", id="its start"),
        pytest.param(("torch.zeros(channels)", "torch.zeros(1)"), "parameters", id="its parameters"),
    ],
)
def test_another_module_of_the_users_is_found(module, change, others):
    stage = Stage(sites=(Site(path="a", widths={"serial": 8}, in_channels=8, channels=8),))

    def of(text):
        identity = identity_of_choice(StageChoice(f"{module(text)}:Mine"), stage, gate=GateOptions(init="paper"))
        return {"attention module gates:Mine": identity}

    (line,) = changes_of_identity(of(GATE), of(changed(GATE, change)))
    assert line.startswith("attention module gates:Mine is another")
    assert others in line


def test_code_that_can_only_be_read_is_identified_by_its_text_and_that_of_what_it_uses(module, tmp_path):
    module("LENGTH = 1\n", "helping")
    name = module(EVALUATOR, "evaluating")
    study = load_study(write_study(tmp_path, evaluator={"name": f"{name}:make"}))

    def identity():
        return identity_of(study, {})

    first = identity()
    assert list(first) == ["evaluator evaluating:make"]
    module("LENGTH = 1  # as before\n", "helping")
    assert changes_of_identity(first, identity()) == []
    module("LENGTH = 2\n", "helping")
    module(EVALUATOR, "evaluating")
    assert changes_of_identity(first, identity()) == [
        "evaluator evaluating:make is another than when the study began (other code)"
    ]


def test_code_in_a_folder_without_init_is_identified_by_its_text(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / f"folder_{tmp_path.name}"
    folder.mkdir()
    (folder / "helping.py").write_text("LENGTH = 1\n")
    (folder / "evaluating.py").write_text(EVALUATOR.replace("from helping", "from .helping"))
    study = load_study(write_study(tmp_path, evaluator={"name": f"{folder.name}.evaluating:make"}))
    first = identity_of(study, {})
    (folder / "helping.py").write_text("LENGTH = 2\n")
    (line,) = changes_of_identity(first, identity_of(study, {}))
    assert "other code" in line


def test_a_study_of_the_catalogue_has_no_identity_to_take(tmp_path):
    assert identity_of(load_study(write_study(tmp_path)), {}) == {}


def split(digest: str, **classes: int) -> dict:
    return {"images": sum(classes.values()), "classes": classes, "names": digest}


CHANGED = "the data set is another than when the study began: "


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        pytest.param({"train": split("a", cat=3, dog=2)}, [], id="the same"),
        pytest.param(
            {"train": split("b", ant=1, cat=3, dog=2)},
            ["the train split has 6 images, it had 5 (ant: 1 instead of 0)"],
            id="one image of a new class",
        ),
        pytest.param(
            {"train": split("b", cat=2, dog=3)},
            ["the train split has 5 images, it had 5 (cat: 2 instead of 3, dog: 3 instead of 2)"],
            id="moved",
        ),
        pytest.param(
            {"train": split("b", cat=3, dog=2)},
            ["the train split has other images than before, as many in each class"],
            id="replaced",
        ),
        pytest.param(
            {"train": split("a", cat=3, dog=2), "test": split("a", cat=1, dog=1)},
            ["there is a test split now"],
            id="a new split",
        ),
        pytest.param({}, ["there is no train split now"], id="a split less"),
    ],
)
def test_other_images_are_found_by_what_differs(now, lines):
    known = {"mean": [0.5], "notes": ["a"], "splits": {"train": split("a", cat=3, dog=2)}}
    after = {"mean": [0.6], "notes": ["b"], "splits": now, "new": 1}
    assert changes_of_images(known, after) == [CHANGED + line for line in lines]


def test_a_long_list_of_classes_is_cut():
    many = {
        "classes": [str(n) for n in range(1000)],
        "splits": {"train": split("a", **{f"c{n}": n for n in range(1000)})},
    }
    lines = changes_of_images(many, {"classes": [], "splits": {"train": split("b")}})
    assert len(lines) == 2
    assert max(map(len, lines)) < 220
