"""What a training through a study costs over the user's own `Trainer.fit` on the same module and data.

    python -m tests.benchmarks.own_training_overhead

Both train the same network on the same images, in turns. A training of a study also seeds, reads the metric, compares
the first batches, and writes the weights. Processor time is compared, which other processes change little, and the time
on the clock.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from seplace.evaluators.lightning import make
from seplace.models import create_model
from seplace.placement import Placement
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.benchmarks.own_overhead_task import Data, Task

BACKBONE, EPOCHS = "cifar_resnet20", 3
SPACE = f"schema: 1\nbackbone: {BACKBONE}\ngate: {{init: paper}}\nchoices: {{modules: [none, se], ratios: [4]}}\n"
STUDY = f"""\
schema: 1
space: ./space.yaml
training:
  module: tests.benchmarks.own_overhead_task:Task
  data: tests.benchmarks.own_overhead_task:Data
  trainer: {{max_epochs: {EPOCHS}}}
  input: [3, 32, 32]
objective: {{metric: {{name: val_accuracy, goal: maximize}}, cost: flops}}
search: {{trainings: 14, seeds: 1, seed: 0}}
"""


def own_fit(seed: int) -> None:
    """Train as a user would without seplace."""
    pl.seed_everything(seed, verbose=False)
    network = create_model(BACKBONE, "none-se4-none", num_classes=10, seed=seed)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Task(network), datamodule=Data())


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of the processor and on the clock."""
    clock, processor = time.perf_counter(), time.process_time()
    act()
    return time.process_time() - processor, time.perf_counter() - clock


def main() -> None:
    """Print the ratio of both, the mean over pairs with a 95 % interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "space.yaml").write_text(SPACE)
        (folder / "study.yaml").write_text(STUDY)
        evaluator = make(load_study(folder / "study.yaml"), folder / "results", worker=0)
        placement = Placement.parse("none-se4-none")

        def through_the_door(seed: int) -> None:
            row = evaluator.evaluate(Job(placement=placement, seed=seed, epochs=EPOCHS), on_epoch=lambda _: None)
            assert row.state == "complete", row.message

        through_the_door(0)
        own_fit(0)
        taken = []
        for seed in range(1, pairs + 1):
            if seed % 2:
                ours, own = timed(lambda seed=seed: through_the_door(seed)), timed(lambda seed=seed: own_fit(seed))
            else:
                own, ours = timed(lambda seed=seed: own_fit(seed)), timed(lambda seed=seed: through_the_door(seed))
            taken.append((*ours, *own))
    values = np.array(taken)
    print(
        f"{EPOCHS} epochs of {BACKBONE}: {np.median(values[:, 2]):.2f} s of the processor by Trainer.fit, n = {pairs}"
    )
    for name, at in (("processor", 0), ("clock", 1)):
        ratios = np.log(values[:, at] / values[:, at + 2])
        mean, error = ratios.mean(), ratios.std(ddof=1) / math.sqrt(pairs)
        low, high = (math.exp(mean + sign * 1.96 * error) for sign in (-1, 1))
        spread = f"single ratios {math.exp(ratios.min()):.3f} to {math.exp(ratios.max()):.3f}"
        print(f"{name}: {math.exp(mean):.4f} times (95 % interval {low:.4f} to {high:.4f}; {spread})")


if __name__ == "__main__":
    main()
