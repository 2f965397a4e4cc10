"""Throughput of worker processes whose trainings only sleep: `python -m tests.benchmarks.throughput`.

All else is real: the executor, the sampler, the ledger, the Optuna study, progress.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seplace.costs.of_space import count_space
from seplace.costs.table import CostTable
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.search.run_study import run_study
from seplace.seeds import derive_seed
from seplace.study.config import StudyConfig, load_study
from tests.benchmarks.figures import show_machine
from tests.studies import write_study

SECONDS = 1.0


class Sleeping:
    """Sleeps instead of training; accuracy is a sum over stages, with noise."""

    def __init__(self, config: StudyConfig, folder: Path, *, worker: int) -> None:
        self.config = config
        self.log = folder / f"worker{worker}.jsonl"

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        begin = time.time()
        time.sleep(SECONDS)
        on_epoch(job.epochs)
        worth = sum(_normal(stage, str(choice)) for stage, choice in enumerate(job.placement.choices))
        with self.log.open("a") as log:
            log.write(json.dumps([begin, time.time()]) + "\n")
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            value=80 + worth + 0.3 * _normal(str(job.placement), job.seed),
            weights="none",
        )

    def test(self, evaluation: Evaluation) -> Tested:
        return Tested(value=evaluation.value or 0.0, cross_entropy=1.0)

    def cost_table(self) -> CostTable:
        return count_space(
            self.config.search_space, ["flops", "params"], image_size=None, num_classes=None, in_channels=3
        )

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:  # noqa: ARG002 - none is timed
        return {}

    def describe_images(self) -> dict[str, Any]:
        sizes = {"channels": 3, "image_size": 32, "training_images": 1000, "validation_images": 1000}
        return {"classes": ["a", "b"], "mean": [0.5] * 3, "std": [0.5] * 3, **sizes}

    def estimate_seconds(self, placement: Placement) -> float:  # noqa: ARG002 - all sleep alike
        return SECONDS


def _normal(*key: str | int) -> float:
    return float(np.random.default_rng(derive_seed("worth", *key)).standard_normal())


def main() -> None:
    """Print the share of the workers' time in which they train, from the first training to the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="cifar-resnet20")
    parser.add_argument("--sampler", default="effects")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=400)
    given = parser.parse_args()
    show_machine()
    with tempfile.TemporaryDirectory() as place:
        path = write_study(
            Path(place),
            space=given.space,
            evaluator={"name": "tests.benchmarks.throughput:Sleeping"},
            search={"sampler": given.sampler, "trainings": given.evaluations, "seeds": 3},
            confirm=None,
            run={"executor": "processes", "workers": given.workers},
        )
        folder = Path(place) / "out"
        before = time.process_time()
        run_study(load_study(path), folder, observer=lambda _: None)
        driver = time.process_time() - before
        logs = [
            [json.loads(line) for line in log.read_text().splitlines()] for log in sorted(folder.glob("worker*.jsonl"))
        ]
    begins, ends = np.array([span for log in logs for span in log]).T
    # A worker imports for seconds before its first training.
    ready = max(begin for (begin, _), *_ in logs)
    late = (begins >= ready).sum()
    whole, steady = (
        count * SECONDS / given.workers / (ends.max() - start)
        for count, start in ((len(ends), begins.min()), (late, ready))
    )
    print(
        f"{given.sampler}, {given.workers} workers, trainings of {SECONDS:g} s, {len(ends)} evaluations of "
        f"{given.space}: {whole:.1%} of the ideal throughput, {steady:.1%} of it in the {late} after all workers had "
        f"started; a training takes {(ends - begins).mean():.2f} s; the driver takes {1000 * driver / len(ends):.1f} "
        "ms of processor time for each"
    )


if __name__ == "__main__":
    main()
