"""Every shelf takes an entry of the user's own: by an import path, and by an entry point of an installed package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seplace.backbones.describe import describe
from seplace.costs.of_space import count_space
from seplace.errors import InvalidStudy
from seplace.models import build
from seplace.placement import Placement, StageChoice
from seplace.space import gate_width
from seplace.study.config import load_study
from tests.studies import write_study

ROOT = Path(__file__).resolve().parents[1]

CODE = """
import numpy as np
import optuna
import torch
from torch import nn

from seplace.attachments.entry import AttachmentEntry
from seplace.attention.entry import AttentionEntry
from seplace.costs.cost import Cost
from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.evaluators.stand_alone import StandAlone
from seplace.executors.processes import Processes


class Gate(nn.Module):
    def __init__(self, channels, *, ratio, init, min_hidden=1):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, u):
        return 2 * (self.weight * u.mean((2, 3), keepdim=True)).sigmoid()


class Join:
    @staticmethod
    def attach(block, make):
        block.put("output", make(block.out_channels))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)

    def forward(self, x):
        return torch.relu(x + self.norm(self.conv(x)))


def net(num_classes=10, in_channels=3):
    body = [nn.Conv2d(in_channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Block(), nn.AvgPool2d(2), Block()]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))


def noise(root):
    def images(seed):
        pixels = np.random.default_rng(seed).integers(0, 256, (160, 1, 8, 8), dtype=np.uint8)
        return ArrayImages(pixels=pixels, labels=np.arange(160, dtype=np.int64) % 10)

    return RawSet(classes=tuple("abcdefghij"), train=images(0), test=lambda: images(1))


BYTES = Cost(unit="bytes", measure=lambda network, images: 4 * sum(each.numel() for each in network.parameters()))


def evaluate(config, folder, *, worker):
    return StandAlone(config, folder, device="cpu")


def sample(seed, task):
    return optuna.samplers.RandomSampler(seed=seed)


class Length:
    def score(self, placement):
        return float(len(str(placement)))


def length(networks, *, seed, effort):
    return Length()


def export(trained, folder):
    folder.mkdir()
    (folder / "weights.txt").write_text(str(len(trained.state)))
    return folder.resolve()


class Workers(Processes):
    pass


GATE = AttentionEntry("my_entries:Gate", takes_ratio=True)
JOIN = AttachmentEntry("my_entries:Join", like="post")
"""

SHELVES = {
    "attention": ("kit_gate", "GATE", "Gate"),
    "attachments": ("kit_join", "JOIN", "Join"),
    "backbones": ("kit_net", "net", "net"),
    "datasets": ("kit_noise", "noise", "noise"),
    "costs": ("kit_bytes", "BYTES", "BYTES"),
    "evaluators": ("kit_evaluate", "evaluate", "evaluate"),
    "executors": ("kit_workers", "Workers", "Workers"),
    "samplers": ("kit_sample", "sample", "sample"),
    "exporters": ("kit_export", "export", "export"),
    "proxies": ("kit_length", "length", "length"),
}
"""For each shelf the name of an entry point, the object that it names, and that of an import path."""


PROGRAM = """
import sys
import seplace

results = seplace.run("mine.yaml", folder="out", observer=lambda _: None)
assert results.finished
print(*results.evaluations["placement"])
print(results.export("exported", pick="best", exporter=sys.argv[1]))
"""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A folder with an installed package that declares an entry on every shelf."""
    folder = tmp_path / "installed"
    info = folder / "my_kit-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "my_entries.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-kit\nVersion: 1.0\n")
    lines = [f"[seplace.{shelf}]\n{name} = my_entries:{named}" for shelf, (name, named, _) in SHELVES.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def study_of(folder: Path, names: dict[str, str]) -> Path:
    """A study that names nothing but these entries, one a shelf."""
    (folder / "space.yaml").write_text(
        f'schema: 1\nbackbone: "{names["backbones"]}[image_size=8]"\ngate: {{init: paper}}\n'
        f'choices: {{modules: [none, "{names["attention"]}"], ratios: [4], attachments: ["{names["attachments"]}"]}}\n'
    )
    return write_study(
        folder,
        name="mine",
        space="space.yaml",
        data={"name": names["datasets"], "train_images": 96},
        evaluator={"name": names["evaluators"]},
        objective={"cost": names["costs"]},
        search={"sampler": names["samplers"], "trainings": 8, "proxies": [names["proxies"]], "proxy_placements": 4},
        run={"executor": names["executors"], "workers": 1, "accelerator": "cpu"},
    )


@pytest.mark.long
def test_a_study_of_nothing_but_installed_entries_runs_in_workers(tmp_path: Path, kit: Path) -> None:
    """All are named by entry points, but for the attachment, which an import path names."""
    names = {shelf: name for shelf, (name, _, _) in SHELVES.items()} | {"attachments": "my_entries:Join"}
    study_of(tmp_path, names)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, names["exporters"]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(kit)])},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "kit_gate4+my_entries:Join" in done.stdout
    assert (tmp_path / "exported" / "weights.txt").exists()


def test_a_study_of_nothing_but_import_paths_is_read(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "my_paths.py").write_text(CODE)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    config = load_study(study_of(tmp_path, {shelf: f"my_paths:{path}" for shelf, (_, _, path) in SHELVES.items()}))
    space = config.search_space
    (choice,) = {choice for listed in space.choices for choice in listed if choice.module != "none"}
    assert str(choice) == "my_paths:Gate4+my_paths:Join"
    placement = Placement.uniform(choice, len(space.backbone.units))
    network = build(space.backbone, placement, gate=space.gate, num_classes=10, in_channels=1, seed=0)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_commands_that_need_no_torch_import_none_for_a_declared_entry(kit: Path) -> None:
    (kit / "light.py").write_text(
        "from seplace.attention.entry import AttentionEntry\n"
        "GATE = AttentionEntry('my_entries:Gate', takes_ratio=True)\n"
    )
    (kit / "my_kit-1.0.dist-info" / "entry_points.txt").write_text("[seplace.attention]\nlight = light:GATE\n")
    program = (
        "import sys\nfrom seplace.placement import Placement\nfrom seplace import list_modules\n"
        "assert 'importlib.metadata' not in sys.modules, 'before a name is not our own'\n"
        "print(Placement.parse('light4-none'), 'light' in list_modules())\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(kit)])},
    )
    assert (done.returncode, done.stdout) == (0, "light4-none True\n"), done.stderr


def test_an_attachment_by_an_import_path_stands_after_a_plus() -> None:
    text = "my.gates:Gate4+my.joins:Join-eca+my.joins:Join-se4.pre"
    placement = Placement.parse(text)
    assert str(placement) == text
    assert placement.choices[1] == StageChoice("eca", None, "my.joins:Join")
    stage = describe("cifar_resnet8").units[1]
    assert gate_width(stage, "my.joins:Join") == gate_width(stage, "serial") == 32
    assert gate_width(stage, "pre") == 16
    assert gate_width(stage, "kernel") == 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data": {"name": "broken_entries:one"}},
            "data.name: data set 'broken_entries:one': broken_entries cannot be",
        ),
        ({"evaluator": {"name": "pathlib:nothing"}}, "evaluator.name: evaluator 'pathlib:nothing': module 'pathlib'"),
        ({"objective": {"cost": "pathlib:Path"}}, "objective.cost: cost 'pathlib:Path': is a type, not a"),
        ({"search": {"sampler": "string:digits"}}, "search.sampler: sampler 'string:digits': is a str, not a function"),
        ({"search": {"proxies": ["nowhere:x"]}}, "search.proxies[1]: proxy 'nowhere:x': no module named 'nowhere'"),
        ({"run": {"executor": "nowhere:x"}}, "run.executor: executor 'nowhere:x': no module named 'nowhere'"),
    ],
)
def test_an_import_path_that_gives_no_entry_is_told_where_it_stands(tmp_path: Path, changes, message: str) -> None:
    (tmp_path / "broken_entries.py").write_text("raise RuntimeError('not today')\n")
    with pytest.raises(InvalidStudy, match=rf"^\S+:\d+:\d+: {re.escape(message)}"):
        load_study(write_study(tmp_path, **changes))


@pytest.mark.parametrize(
    ("attachment", "message"),
    [("nowhere:x", "no module named 'nowhere' can be imported"), ("pathlib:Path", "has no method attach(block, make)")],
)
def test_an_import_path_that_gives_no_attachment_is_told_where_it_stands(tmp_path: Path, attachment, message) -> None:
    choices = f'choices: {{modules: [eca], attachments: ["{attachment}"]}}'
    (tmp_path / "space.yaml").write_text(f"schema: 1\nbackbone: cifar_resnet8\ngate: {{init: paper}}\n{choices}\n")
    with pytest.raises(InvalidStudy, match=re.escape(f"choices.attachments[1]: attachment {attachment!r}: {message}")):
        load_study(write_study(tmp_path, space="space.yaml"))


COUNTED = """
import seplace
import torch
from torch import nn


class Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(x.detach().numpy().clip(0, 1))

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, u):
        return Clipped.apply(u.mean((2, 3), keepdim=True))


seplace.register_count("Clipped", lambda inputs, outputs: 1000)
"""


def test_a_module_gives_its_operator_a_count_where_it_is_defined(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("seplace.costs.counting._registered", {})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    (tmp_path / "counted_gates.py").write_text(COUNTED)
    choices = "choices: {modules: [none, 'counted_gates:Gate']}"
    (tmp_path / "space.yaml").write_text(f"schema: 1\nbackbone: cifar_resnet8\ngate: {{init: paper}}\n{choices}\n")
    space = load_study(write_study(tmp_path, space="space.yaml")).search_space
    (gate,) = {choice for choice in space.choices[0] if choice.module != "none"}
    table = count_space(space, ["flops"])
    plain, gated = (Placement((choice, StageChoice(), StageChoice())) for choice in (StageChoice(), gate))
    extra = table.costs_of(gated)["flops"] - table.costs_of(plain)["flops"]
    pixels = 16 * 32 * 32
    assert extra == 1000 + 2 * pixels  # the pooling, the operator, and the scaling
