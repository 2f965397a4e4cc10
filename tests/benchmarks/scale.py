"""What 100,000 evaluations cost: `python -m tests.benchmarks.scale [evaluations …] [--sampler NAME] [--folder KEPT]`.

An evaluator answers at once, so that what is measured is the rest: proposals, the ledger, Optuna's file, tables. Each
study is run by `seplace run` in a process of its own, opened again with a larger budget, and read by commands.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.errors import MissingTestSplit
from seplace.evaluators.study_costs import counted_choices
from seplace.results.evaluation import Evaluation, Job

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.study.config import StudyConfig
    from seplace.training.score import Score

SPACE = """\
schema: 1
backbone: resnet18
gate: {init: paper}
choices:
  modules: [none, se, cbam, eca]
  ratios: [2, 4, 8, 16, 32]
  attachments: [serial, parallel]
"""
"""23 choices in each of 4 stages, 279,841 placements."""

STUDY = """\
schema: 1
space: space.yaml
evaluator: {name: "tests.benchmarks.scale:Simulated"}
data: {name: digits, validation_images: 64}
training: {epochs: 1, batch_size: 64, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0, schedule: cosine}
objective: {cost: flops}
"""
FURTHER = 10
"""By how many trainings the budget has grown when a study is opened again."""

MARK_EVERY = 100
MARKS = "marks.jsonl"


class Simulated:
    """Answers at once: effects of the choices and noise. It notes when, beside the folder of the results."""

    def __init__(self, config: StudyConfig, folder: Path, *, worker: int) -> None:
        del worker
        self.config = config
        self.marks = folder.parent / MARKS
        self.answered = 0
        self.effects = [np.random.default_rng(stage).normal(0, 0.2, 64) for stage in range(4)]
        self.level: dict[str, int] = {}

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        if self.answered % MARK_EVERY == 0:
            with self.marks.open("a") as file:
                file.write(json.dumps([self.answered, time.time(), time.process_time()]) + "\n")
        self.answered += 1
        on_epoch(1)
        levels = [self.level.setdefault(text, len(self.level)) for text in str(job.placement).split("-")]
        noise = np.random.default_rng([job.seed, *levels]).normal(0, 1, 2)
        effect = float(sum(effects[level] for effects, level in zip(self.effects, levels, strict=True)))
        accuracy, loss = 90 + effect + 0.25 * noise[0], 0.3 - 0.02 * effect - 0.004 * noise[0] + 0.001 * noise[1]
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            value=round(accuracy, 2),
            cross_entropy=loss,
            curve=({"epoch": job.epochs, "value": round(accuracy, 2), "cross_entropy": loss, "train_loss": loss},),
            seconds=1.0,
            device="simulated",
        )

    def test(self, evaluation: Evaluation) -> Score:
        raise MissingTestSplit(f"no test of {evaluation.placement}")

    def cost_table(self) -> CostTable:
        from seplace.costs.table import CostTable

        extras = tuple(
            {choice: (10_000 * at * (7 + stage),) for at, choice in enumerate(choices)}
            for stage, choices in enumerate(counted_choices(self.config.search_space, ""))
        )
        return CostTable(names=("flops",), plain=(1_800_000_000,), extras=extras)

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        del placements
        return {}

    def describe_images(self) -> dict[str, Any]:
        return {"classes": ["a", "b"], "channels": 3, "image_size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}

    def estimate_seconds(self, placement: Placement) -> float:
        del placement
        return 1.0


def write_study(folder: Path, *, trainings: int, sampler: str) -> Path:
    """Write the study and its space into a folder; return the study's path."""
    (folder / "space.yaml").write_text(SPACE)
    path = folder / "scale.yaml"
    path.write_text(f"{STUDY}search: {{sampler: {sampler}, trainings: {trainings}, seeds: 2, seed: 0}}\n")
    return path


def run(*arguments: str) -> tuple[float, float, float, float]:
    """Run a command of seplace; return when it began, the seconds of clock and processor, and the peak memory in MB."""
    command = [sys.executable, "-c", "from seplace.cli import main; main()", *arguments]
    begin = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return begin, time.time() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def marks_of(folder: Path) -> list[tuple[int, float, float]]:
    """Return (answers, clock, processor seconds) of the last run, and forget them."""
    path = folder / MARKS
    marks = [tuple(json.loads(line)) for line in path.read_text().splitlines()]
    path.unlink()
    return marks


def measure(folder: Path, *, trainings: int, sampler: str) -> None:
    """Print the figures of one study."""
    study = write_study(folder, trainings=trainings, sampler=sampler)
    results = folder / "results"
    begin, wall, processor, memory = run("run", str(study), "--results", str(results))
    marks = marks_of(folder)
    print(f"{sampler}, {trainings:,} evaluations: {wall:.1f} s, {processor:.1f} s of the processor, {memory:.0f} MB")
    spaced = np.geomspace(1, max(len(marks) - 1, 1), 7).astype(int)
    edges = sorted(set(spaced.tolist()))
    for low, high in zip([0, *edges], edges, strict=False):
        spent = 1000 * (marks[high][2] - marks[low][2]) / (marks[high][0] - marks[low][0])
        print(f"  evaluations {marks[low][0]:>7,} to {marks[high][0]:>7,}: {spent:7.2f} ms of the processor each")
    print(f"  {'end: test, tables, figures':<34} {begin + wall - marks[-1][1]:7.2f} s")
    for name in ("status", "front", "front"):
        _, seconds, _, peak = run(name, str(results))
        print(f"  {'seplace ' + name:<34} {seconds:7.2f} s, {peak:.0f} MB")
    write_study(folder, trainings=trainings + FURTHER, sampler=sampler)
    begin, wall, _, memory = run("run", str(study), "--results", str(results))
    print(f"  {'run again, to the next training':<34} {marks_of(folder)[0][1] - begin:7.2f} s, {memory:.0f} MB")
    print(f"  {'run again, to the end':<34} {wall:7.2f} s")
    for path in sorted(results.iterdir()):
        if path.is_file():
            size = path.stat().st_size
            print(f"  {path.name:<24} {size / 1e6:9.2f} MB, {size / trainings:9.1f} bytes an evaluation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trainings", nargs="*", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--folder", type=Path, help="folder to keep the studies in")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() if asked.folder is None else nullcontext(asked.folder) as folder:
        for trainings in asked.trainings:
            own = Path(folder) / str(trainings)
            own.mkdir(parents=True)
            measure(own, trainings=trainings, sampler=asked.sampler)


if __name__ == "__main__":
    main()
