"""The evaluator that trains each network in full, on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seplace.costs.table import CostTable
from seplace.datasets.decoding import use_threads
from seplace.evaluators.job_training import JobTraining, Trained
from seplace.evaluators.stepping import Window, train_in_windows
from seplace.evaluators.study_costs import count_costs, time_placements
from seplace.evaluators.study_networks import StudyNetworks
from seplace.evaluators.timing import estimate_training
from seplace.evaluators.weights import read_weights
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.study.config import StudyConfig
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import resolve_device, share_memory, use_device
from seplace.training.fit import CurvePoint, train
from seplace.training.score import Score, measure_score


def make(config: StudyConfig, folder: Path, *, worker: int) -> StandAlone:
    """Return the evaluator of a worker on its device; sets torch's threads and its GPU for this whole process."""
    torch.set_num_threads(config.run.threads)
    if config.run.decode_threads is not None:
        use_threads(config.run.decode_threads)
    device = resolve_device(config.run.accelerator, worker)
    use_device(torch.device(device))
    return StandAlone(config, folder, device=device)


class StandAlone:
    """Trains and scores the networks of one study on one device; its files are those of `JobTraining`."""

    def __init__(self, config: StudyConfig, folder: Path, *, device: str) -> None:
        self.config = config
        self.folder = folder
        self.networks = StudyNetworks(config, device=device)
        self._training = JobTraining(
            folder,
            epochs=config.recipe.epochs,
            device=self.networks.device,
            packages=("kornia",) if config.recipe.randaugment is not None else (),
        )

    def describe_images(self) -> dict[str, Any]:
        """Return what a trained network needs to know of its data; see `StudyNetworks.describe_images`."""
        return self.networks.describe_images()

    def cost_table(self) -> CostTable:
        """Count every choice of the space and of the baselines."""
        return count_costs(self.networks)

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Time placements, one image a pass, interleaved with the plain backbone; by the text of the placement."""
        return time_placements(self.networks, placements)

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training from timed short ones, set-up and scores included."""
        with self.networks.user_errors_in(placement, f"{placement}, seed 0, cannot be trained"):
            return estimate_training(self.networks, placement)

    def share_device(self, *, among: int) -> None:
        """Take only a share of the memory of a GPU on which other processes train too."""
        share_memory(self.networks.device, among=among)

    def train_in_windows(
        self,
        placement: Placement,
        *,
        next_window: Callable[[], float | None],
        on_window: Callable[[Window], None],
    ) -> None:
        """Train a placement in windows of time; see `seplace.evaluators.stepping`."""
        with self.networks.user_errors_in(placement, f"{placement}, seed 0, cannot be trained"):
            train_in_windows(self.networks, placement, next_window=next_window, on_window=on_window)

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Train one placement on one seed; see `JobTraining.evaluate`."""

        def train_job(checkpoint: Checkpoint) -> Trained:
            with (
                self.networks.user_errors_in(job.placement, "code of your own failed"),
                self.networks.training_batches(seed=job.seed) as batches,
            ):
                network, curve = train(
                    self.networks.trainable(job.placement, seed=job.seed),
                    recipe=self.config.recipe,
                    batches=batches,
                    validation=self.networks.validation_batches,
                    device=self.networks.device,
                    checkpoint=checkpoint,
                    on_epoch=on_epoch,
                    until=job.epochs,
                    scored=self.config.scored_epochs,
                )
            return Trained(
                network=network,
                value=curve[-1].accuracy,
                curve=tuple(map(_as_evaluated, curve)),
                cross_entropy=curve[-1].cross_entropy,
                correct=curve[-1].correct,
                top5_accuracy=curve[-1].top5_accuracy,
            )

        return self._training.evaluate(job, train_job)

    def test(self, evaluation: Evaluation) -> Tested:
        """Score the trained network of an evaluation on the test split."""
        batches = self.networks.test_batches
        with self.networks.user_errors_in(
            evaluation.placement, f"{evaluation.placement}, seed {evaluation.seed}, cannot be tested"
        ):
            score = measure_score(self.trained(evaluation), batches, precision=self.config.recipe.precision)
        return tested_of(score)

    def trained(self, evaluation: Evaluation) -> nn.Module:
        """Return the network of an evaluation with its trained weights, on this device, in eval mode."""
        network = self.networks.build(evaluation.placement, seed=evaluation.seed)
        network.load_state_dict(read_weights(self.folder, evaluation))
        return self.networks.place(network).eval()


def tested_of(score: Score) -> Tested:
    """Return a score of the test split as evaluators return it."""
    return Tested(
        value=score.accuracy,
        cross_entropy=score.cross_entropy,
        correct=score.correct,
        top5_accuracy=score.top5_accuracy,
    )


def _as_evaluated(point: CurvePoint) -> dict[str, float | None]:
    """Return a point of a learning curve as evaluations have it: accuracy is the metric."""
    return {"value" if key == "accuracy" else key: value for key, value in point.to_record().items()}
