"""Start-up of a trial after the first, pricing, and commands: `python -m tests.benchmarks.start`."""

from __future__ import annotations

import functools
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs.table import CostTable
from seplace.evaluators.stand_alone import StandAlone
from seplace.models import build, insert
from seplace.placement import Placement, StageChoice
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.benchmarks.figures import show, show_machine


def trial_starts(rounds: int) -> list[float]:
    """Return the seconds from asking for a trial to the end of its first epoch, less the median of its other epochs."""
    torch.set_num_threads(1)
    config = load_study("digits-quickstart")
    with tempfile.TemporaryDirectory() as folder:
        evaluator = StandAlone(config, Path(folder), device="cpu")
        starts = []
        for seed in range(rounds + 1):
            job = Job(placement=Placement.parse("none-se4-none"), seed=seed, epochs=config.training.epochs)
            begin = time.perf_counter()
            ends: list[float] = []
            evaluator.evaluate(job, on_epoch=lambda _, seen=ends: seen.append(time.perf_counter()))
            epochs = [later - earlier for earlier, later in itertools.pairwise(ends)]
            starts.append(ends[0] - begin - statistics.median(epochs))
    return starts[1:]


def pricing_seconds() -> tuple[float, float, int]:
    """Return the seconds to count the choices of a large space and to cost all of its placements, and their number."""
    backbone = describe("resnet18")
    modules = ["none", "eca", "eca.parallel", "eca.cross"]
    modules += [
        f"{name}{ratio}{join}"
        for name in ("se", "cbam")
        for ratio in (2, 4, 8, 16)
        for join in ("", ".parallel", ".cross")
    ]
    modules += [f"{name}32{join}" for name in ("se", "cbam") for join in ("", ".parallel")]
    choices = [[StageChoice.parse(text) for text in modules]] * 4
    gate = GateOptions(init="paper")

    plain = build(backbone, Placement.uniform(StageChoice(), 4), gate=gate, num_classes=10, in_channels=3, seed=0)
    inserted = functools.partial(insert, gate=gate)
    start = time.perf_counter()
    table = CostTable.count(plain, backbone.units, inserted, torch.zeros(1, 3, 64, 64), choices, names=["flops"])
    counted = time.perf_counter()
    cost_table = table.all_costs(choices, "flops")
    return counted - start, time.perf_counter() - counted, len(cost_table)


def command_seconds(*arguments: str, rounds: int = 9) -> list[float]:
    """Return the wall seconds of a command as a whole process."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from seplace.cli import main; main()", *arguments], check=True, capture_output=True
        )
        times.append(time.perf_counter() - start)
    return times[1:]


def main() -> None:
    show_machine()
    show("start of a trial after the first", trial_starts(11), "s", mark="0.15")
    counting, pricing, placements = pricing_seconds()
    print(
        f"counting {placements:,} placements' choices {counting:.2f} s, pricing them all {pricing:.3f} s  (mark: 5 s)"
    )
    show("seplace --help", command_seconds("--help"), "s", mark="0.6")
    show("seplace plan --no-batch", command_seconds("plan", "digits-quickstart", "--no-batch"), "s", mark="0.6")
    results = next((path for path in sorted(Path("results").glob("*/ledger.sqlite"))), None)
    if results is not None:
        show(f"seplace front {results.parent}", command_seconds("front", str(results.parent)), "s", mark="1.5")


if __name__ == "__main__":
    main()
