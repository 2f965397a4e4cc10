"""The drill: in a scratch copy, a new entry of every shelf takes one file and one line; the suites pick it up."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

NEW_ENTRIES = {
    "attention": (
        "drilled",
        '"drilled": "seplace.attention.drilled:Drilled",',
        '''"""A gate from the mean of each channel alone."""

import torch
from torch import Tensor, nn

from seplace.attention.gate import full_precision, squashing


class Drilled(nn.Module):
    """g(u) = σ(w ⊙ avgpool(u))."""

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels) if init == "identity" else torch.randn(channels))
        self.squash = squashing(init)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        with full_precision(u):
            gate: Tensor = self.squash(u.mean((2, 3), dtype=self.weight.dtype) * self.weight)
        return gate[:, :, None, None].to(u.dtype)
''',
    ),
    "backbones": (
        "drilled",
        '"drilled": "seplace.backbones.drilled:drilled",',
        '''"""A network of two stages."""

from seplace.backbones.backbone import Backbone, canonical_text
from seplace.backbones.sites import residual_stage


def drilled(*, width: float = 1.0) -> Backbone:
    """Describe the network."""
    narrow, wide = round(8 * width), round(16 * width)
    return Backbone(
        text=canonical_text("drilled", {"width": width}, drilled),
        stages=(
            residual_stage(0, in_channels=narrow, channels=narrow, blocks=1, inner=narrow),
            residual_stage(1, in_channels=narrow, channels=wide, blocks=1, inner=wide),
        ),
        image_size=16,
        num_classes=10,
        min_image_size=2,
        network="seplace.backbones.networks.resnet:CifarResNetA",
        arguments={"stem_channels": narrow, "widths": (narrow, wide), "blocks": (1, 1)},
    )
''',
    ),
    "datasets": (
        "drilled",
        '"drilled": "seplace.datasets.drilled:load",',
        '''"""Noise with two labels."""

from pathlib import Path

import numpy as np

from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import InputError


def load(root: Path | None) -> RawSet:
    """Draw the images."""
    if root is not None:
        raise InputError(f"drilled takes no root (got {root})")

    def images(seed: int) -> ArrayImages:
        pixels = np.random.default_rng(seed).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
        return ArrayImages(pixels=pixels, labels=np.arange(60, dtype=np.int64) % 2)

    return RawSet(classes=("even", "odd"), train=images(0), test=lambda: images(1))
''',
    ),
    "costs": (
        "drilled",
        '"drilled": "seplace.costs.drilled:DRILLED",',
        '''"""Bytes of parameters."""

from torch import Tensor, nn

from seplace.costs.cost import Cost


def parameter_bytes(network: nn.Module, images: Tensor) -> int:  # noqa: ARG001
    """Return the bytes of all parameters."""
    return sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())


DRILLED = Cost(unit="bytes", measure=parameter_bytes)
''',
    ),
    "evaluators": (
        "drilled",
        '"drilled": "seplace.evaluators.drilled:make",',
        '''"""Trains on the processor, whatever the study says."""

from pathlib import Path

from seplace.study.config import StudyConfig
from seplace.evaluators.stand_alone import StandAlone


def make(config: StudyConfig, folder: Path, *, worker: int) -> StandAlone:  # noqa: ARG001
    """Return the evaluator of a worker."""
    return StandAlone(config, folder, device="cpu")
''',
    ),
    "attachments": (
        "drilled",
        '"drilled": AttachmentEntry("seplace.attachments.drilled:Drilled", like="post"),',
        '''"""The gate after the block."""

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Drilled:
    """A(y) of the output y of a block."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A after the block."""
        block.put("output", make(block.out_channels))
''',
    ),
    "executors": (
        "drilled",
        '"drilled": "seplace.executors.drilled:Drilled",',
        '''"""Trainings in this process, the newest first."""

from collections.abc import Callable

from seplace.executors.executor import Maker, evaluate_job
from seplace.results.evaluation import Evaluation, Job


class Drilled:
    """Runs the jobs of a list."""

    def __init__(self, maker: Maker, *, workers: int, max_retries: int, on_progress: Callable[[], None]) -> None:
        del workers, max_retries
        self.maker = maker
        self.on_progress = on_progress
        self.jobs: list[Job] = []
        self.epochs_done = 0

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.jobs)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.jobs.append(job)

    def wait(self) -> list[Evaluation]:
        """Run a job."""
        evaluation = evaluate_job(self.maker.make(0), self.jobs[0], on_epoch=lambda _: self.on_progress())
        del self.jobs[0]
        return [evaluation]

    def close(self) -> None:
        """Forget the jobs."""
        self.jobs.clear()
''',
    ),
    "samplers": (
        "drilled",
        '"drilled": "seplace.samplers.drilled:make",',
        '''"""Random proposals."""

from optuna.samplers import BaseSampler, RandomSampler

from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001
    """Return the sampler of a proposal."""
    return RandomSampler(seed=seed)
''',
    ),
    "exporters": (
        "drilled",
        '"drilled": "seplace.exporters.drilled:export",',
        '''"""Source code in a file of another name."""

from functools import partial
from pathlib import Path

from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.form import Form
from seplace.exporters.source_code import source_text
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify_form

DRILLED = Form(
    mark="seplace-drilled-export",
    network_file="network.py",
    content="the network",
    verified="A fresh Python without seplace gave equal logits.",
    loading="""\\
import torch
from safetensors.torch import load_file

import network as code

network = code.build().eval()
network.load_state_dict(load_file("model.safetensors"))""",
)


def export(trained: TrainedNetwork, folder: Path) -> Path:
    """Write the folder."""
    folder = folder.resolve()
    refuse_foreign(folder, DRILLED)
    code = source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )
    verify = partial(verify_form, form=DRILLED)
    return write_folder(
        trained, folder, form=DRILLED, network=trained.build(), content=code.encode(), verify=verify
    )
''',
    ),
    "proxies": (
        "drilled",
        '"drilled": "seplace.proxies.drilled:make",',
        '''"""The length of the text, and a draw."""

import random

from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.proxies.proxy import Effort


class Drilled:
    """Scores texts."""

    def __init__(self, draw: float) -> None:
        self.draw = draw

    def score(self, placement: Placement) -> float:
        """Return the length of the text, and the draw."""
        return len(str(placement)) + self.draw


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> Drilled:  # noqa: ARG001
    """Return the proxy."""
    return Drilled(random.Random(seed).random())
''',
    ),
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the new entries: one file and one line each."""
    copy = tmp_path_factory.mktemp("drill") / "copy"
    skipped = shutil.ignore_patterns(".git", "__pycache__", ".*cache", "*.egg-info", ".venv", "build")

    def ignored(folder, names):
        return skipped(folder, names) | ({"results"} if Path(folder) == ROOT else set())

    shutil.copytree(ROOT, copy, ignore=ignored)
    for shelf, (name, line, source) in NEW_ENTRIES.items():
        (copy / "seplace" / shelf / f"{name}.py").write_text(source)
        table = copy / "seplace" / shelf / "__init__.py"
        head, brace, tail = table.read_text().rpartition("    },\n)")
        table.write_text(f"{head}        {line}\n{brace}{tail}")
    return copy


def run(copy: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(copy)},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
def test_the_role_suites_pick_new_entries_up_unedited(scratch: Path) -> None:
    assert len(NEW_ENTRIES) == 10
    suites = [f"tests/{shelf}/test_role.py" for shelf in NEW_ENTRIES]
    # A base folder of its own: sessions that share one clear each other's away.
    own = (f"--basetemp={scratch.parent / 'tests'}", "-p", "no:cacheprovider")
    # One session for all of them: torch is imported once.
    printed = run(scratch, "-m", "pytest", "-q", "-rA", *own, "-k", "drilled", *suites)
    passed = Counter(line.split()[1].partition("::")[0] for line in printed.splitlines() if line.startswith("PASSED "))
    assert set(passed) == set(suites)
    assert min(passed.values()) >= 2


def test_a_new_gate_takes_part_in_a_placement(scratch: Path) -> None:
    printed = run(scratch, "-c", "from seplace.cli import main; main()", "bench", "drilled", "drilled-drilled.cross")
    assert "drilled-drilled.cross" in printed


def test_the_import_contracts_hold_with_new_entries(scratch: Path) -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=scratch, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
