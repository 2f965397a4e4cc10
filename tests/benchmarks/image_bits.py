"""What one bit an image costs: storage, time and memory of estimates, `python -m tests.benchmarks.image_bits`.

A ledger holds 1,000 trainings of 5,000 validation images, with and without the bits; each measurement is a process of
its own, as `seplace front` is: it reads the ledger and learns the estimates.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from seplace.arrays import ImageBits
from seplace.metric import ACCURACY
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.results.observations import estimates_of
from seplace.simulation.landscapes import landscape
from tests.benchmarks.figures import show, show_machine

TRAININGS = 1000
IMAGES = 5000
SEEDS = 3
_VERSIONS = {"python": "3.11.7", "seplace": "0.13.0", "torch": "2.13.0+cpu", "pytorch-lightning": "2.6.6"}


def trainings() -> list[Evaluation]:
    """Draw trainings in a space of 279,841 placements whose images differ in difficulty and in what helps them."""
    problem = landscape("usual", seed=0)
    random = np.random.default_rng(0)
    levels = problem.priced_space.design.shape[1:]
    difficulty = random.standard_normal(IMAGES)
    help_of = [0.3 * random.standard_normal((count, IMAGES)) for count in levels]
    chosen = random.integers(levels, size=(TRAININGS // SEEDS, len(levels)))
    made = []
    for number in range(TRAININGS):
        own, seed = chosen[number % len(chosen)], number // len(chosen)
        margin = difficulty + sum(part[level] for part, level in zip(help_of, own, strict=True))
        right = margin + 0.7 * random.standard_normal(IMAGES) > -1.5
        placement = problem.space.placement_at(int(np.ravel_multi_index(tuple(own), levels)))
        made.append(
            Evaluation(
                placement=placement,
                seed=seed,
                epochs=20,
                state="complete",
                value=100 * float(right.mean()),
                cross_entropy=1 - float(right.mean()),
                correct=ImageBits.of(right),
                curve=({"epoch": 20, "value": 80.0, "cross_entropy": 0.6, "train_loss": 0.5},),
                costs={name: float(cost) for name, cost in problem.cost_table.costs_of(placement).items()},
                seconds=100.0,
                device="cpu",
                threads=1,
                versions=_VERSIONS,
            )
        )
    return made


def write(path: Path, *, bits: bool) -> None:
    """Write a ledger of the trainings."""
    with Ledger(path) as ledger:
        for each in trainings():
            ledger.add(each if bits else replace(each, correct=None))


def read_and_estimate(path: Path) -> tuple[float, float, float]:
    """Return the seconds of reading a ledger and of learning its estimates, and the greatest memory so far in MB."""
    design = landscape("usual", seed=0).priced_space.design
    start = time.perf_counter()
    with Ledger(path, read_only=True) as ledger:
        evaluations = ledger.evaluations()
    read = time.perf_counter()
    estimates = estimates_of(design, evaluations, "flops", metric=ACCURACY, is_front_of_space=True)
    assert estimates.front
    end = time.perf_counter()
    return read - start, end - read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print bytes, medians with quartiles, and the greatest memory."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    show_machine()
    context = get_context("spawn")
    with TemporaryDirectory() as folder:
        paths = {kind: Path(folder) / f"{kind} bits.sqlite" for kind in ("without", "with")}
        for kind, path in paths.items():
            with ProcessPoolExecutor(1, mp_context=context) as process:
                process.submit(write, path, bits=kind == "with").result()
            print(f"ledger {kind} bits: {path.stat().st_size / TRAININGS:,.0f} bytes a training")
        measured: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in paths}
        for _ in range(rounds):
            for kind, path in paths.items():
                with ProcessPoolExecutor(1, mp_context=context) as process:
                    measured[kind].append(process.submit(read_and_estimate, path).result())
    for kind, figures in measured.items():
        reading, learning, memory = zip(*figures, strict=True)
        show(f"reading {TRAININGS:,} trainings {kind} bits", reading, "s", mark="none")
        show(f"estimates of {TRAININGS:,} trainings {kind} bits", learning, "s", mark="none")
        print(f"greatest memory of the process {kind} bits: {statistics.median(memory):.0f} MB (mark: 500)")


if __name__ == "__main__":
    main()
