"""A training that takes milliseconds and leaves what a real one leaves: a checkpoint on its way, weights at its end.

The file `quick.json` beside a study says how long an epoch takes and what goes wrong. Each training that begins adds a
line to `begun.log` there, so that a test sees what was trained, and from which epoch.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seplace.arrays import ImageBits
from seplace.costs.table import CostTable
from seplace.errors import DataError, MissingWeights
from seplace.evaluators.study_costs import counted_choices
from seplace.executors.executor import failed_evaluation
from seplace.files.atomic import sha256_of, write_atomically
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.seeds import derive_seed
from seplace.study.config import StudyConfig
from tests.studies import write_small_space, write_study

NAME = "tests.faults.quick:Quick"
IMAGES = 64


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """What `quick.json` says."""

    seconds: float = 0.0
    """The time of an epoch."""
    trouble: str = ""
    """What goes wrong: dies, diverges, memory, raises, exits, leaves, spins, or test."""
    placements: tuple[str, ...] = ()
    """Where it goes wrong; everywhere by default."""
    seed: int | None = None
    """The seed on which it goes wrong; None is every seed."""
    times: int | None = None
    """How many trainings of each it goes wrong in; None is all of them."""
    epoch: int = 1
    """The epoch in which it goes wrong."""
    weights: int = 2000
    """The bytes of the weights."""
    checkpoint: int = 0
    """The bytes that a checkpoint has beside the number of its epoch."""


class Quick:
    """Draws its scores from placement and seed."""

    def __init__(self, config: StudyConfig, folder: Path, *, worker: int) -> None:
        del worker
        self.config = config
        self.folder = folder
        self.beside = config.path.parent

    @property
    def behavior(self) -> Behavior:
        try:
            said = json.loads((self.beside / "quick.json").read_text())
        except FileNotFoundError:
            return Behavior()
        return Behavior(**said | {"placements": tuple(said.get("placements", ()))})

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        behavior = self.behavior
        checkpoint = self.folder / "checkpoints" / f"{job.file_name}.ckpt"
        reached = json.loads(checkpoint.read_text())["epoch"] if checkpoint.exists() else 0
        note(self.beside, job, reached)
        for epoch in range(reached + 1, job.epochs + 1):
            time.sleep(behavior.seconds)
            if epoch == behavior.epoch and self._fails(job, behavior):
                if behavior.trouble in ("diverges", "memory"):
                    checkpoint.unlink(missing_ok=True)
                    return _failed(job, behavior.trouble, epoch)
                _fail(behavior.trouble)
            if epoch < job.epochs:
                write_atomically(
                    checkpoint, json.dumps({"epoch": epoch, "more": "x" * behavior.checkpoint}), parents=False
                )
            on_epoch(epoch)
        right = right_images(job.placement, job.seed)
        weights = np.random.default_rng(derive_seed(str(job.placement), job.seed)).bytes(behavior.weights)
        write_atomically(self.folder / "weights" / f"{job.file_name}.safetensors", weights, parents=False)
        checkpoint.unlink(missing_ok=True)
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            value=right.accuracy,
            cross_entropy=2 - right.accuracy / 100,
            correct=right,
            curve=({"epoch": job.epochs, "value": right.accuracy, "cross_entropy": 1.5, "train_loss": 1.5},),
            seconds=0.01,
            device="none",
            weights=f"{job.file_name}.safetensors",
            weights_sha256=sha256_of(weights),
        )

    def _fails(self, job: Job, behavior: Behavior) -> bool:
        is_meant = not behavior.placements or str(job.placement) in behavior.placements
        is_meant = is_meant and behavior.seed in (None, job.seed)
        is_due = behavior.times is None or begun_in(self.beside)[job.key] <= behavior.times
        return bool(behavior.trouble) and behavior.trouble != "test" and is_meant and is_due

    def test(self, evaluation: Evaluation) -> Tested:
        if self.behavior.trouble == "test":
            raise DataError("val/a/1.png: not a readable image")
        path = self.folder / "weights" / str(evaluation.weights)
        if not path.exists():
            raise MissingWeights(f"{path}: not there")
        right = right_images(evaluation.placement, evaluation.seed + 1000)
        return Tested(value=right.accuracy, cross_entropy=1.7, correct=right)

    def cost_table(self) -> CostTable:
        """A gate costs more in a later stage; the numbers mean nothing."""
        table = None
        for variant in self.config.search_space.backbones:
            extras = tuple(
                {
                    choice: (0 if choice.module == "none" else (stage + 2) * 100 + len(str(choice)),)
                    for choice in choices
                }
                for stage, choices in enumerate(counted_choices(self.config.search_space, variant))
            )
            counted = CostTable(names=("flops",), plain=(10_000,), extras=extras)
            table = counted if table is None else replace(table, variants={**table.variants, variant: counted})
        assert table is not None
        return table

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        del placements
        return {}

    def describe_images(self) -> dict[str, Any]:
        return {
            "classes": ["a", "b"],
            "channels": 1,
            "image_size": 8,
            "mean": [0.5],
            "std": [0.5],
            "training_images": 100,
            "validation_images": IMAGES,
        }

    def estimate_seconds(self, placement: Placement) -> float:
        del placement
        return 0.01


def write_quick(folder: Path, *, name: str = "tiny", **changes: Any) -> Path:
    """Write a study of a dozen short trainings, two of them of the confirmation; a change of a block is merged."""
    blocks: dict[str, Any] = {
        "space": write_small_space(folder),
        "evaluator": {"name": NAME},
        "training": {"epochs": 2},
        "search": {"trainings": 12},
        "confirm": {"seeds": 2, "trainings": 2},
    }
    merged = {
        key: blocks[key] | value if isinstance(value, dict) and key in blocks else value
        for key, value in changes.items()
    }
    return write_study(folder, name=name, **blocks | merged)


def right_images(placement: Placement, seed: int) -> ImageBits:
    """The images that a training gets right: about two in three, one more for each gate."""
    gates = sum(choice.module != "none" for choice in placement.choices)
    order = list(range(IMAGES))
    random.Random(derive_seed("quick", str(placement), seed)).shuffle(order)
    return ImageBits.of(np.array(order) < 40 + gates + derive_seed(str(placement), seed) % 4)


def note(folder: Path, job: Job, reached: int) -> None:
    line = json.dumps([*job.key, reached, os.getpid()]) + "\n"
    descriptor = os.open(folder / "begun.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def begun(folder: Path) -> list[tuple[tuple[str, int, int], int, int]]:
    """(key, epochs that a checkpoint had, process) of each training that has begun, in order."""
    path = folder / "begun.log"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [((placement, seed, epochs), reached, process) for placement, seed, epochs, reached, process in lines]


def begun_in(folder: Path) -> Counter[tuple[str, int, int]]:
    """How often each training has begun."""
    return Counter(key for key, _, _ in begun(folder))


def behave(folder: Path, **behavior: Any) -> None:
    """Say how the trainings of the studies in a folder behave from now on."""
    write_atomically(folder / "quick.json", json.dumps(behavior))


def _failed(job: Job, trouble: str, epoch: int) -> Evaluation:
    if trouble == "memory":
        return failed_evaluation(job, reason="oom", message="memory ran out", attempts=1)
    return failed_evaluation(
        job, reason="diverged", message=f"the training loss became nan in epoch {epoch}", attempts=1
    )


def _fail(trouble: str) -> None:
    if trouble == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "raises":
        raise LookupError("a bug")
    if trouble == "exits":
        sys.exit(0)
    if trouble == "leaves":
        os._exit(0)
    assert trouble == "spins"
    time.sleep(3600)
