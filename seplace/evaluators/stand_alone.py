"""The evaluator that trains each network in full, on its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seplace.costs.table import CostTable
from seplace.datasets.decoding import use_threads
from seplace.errors import TrainingFailed, UserCodeError
from seplace.evaluators.stepping import Window, train_in_windows
from seplace.evaluators.study_costs import count_costs, time_placements
from seplace.evaluators.study_networks import StudyNetworks
from seplace.evaluators.timing import estimate_training
from seplace.evaluators.weights import read_weights, serialize_weights
from seplace.files.atomic import sha256_of, write_atomically
from seplace.files.versions import versions
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.study.config import StudyConfig
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import device_name, release_memory, resolve_device, share_memory, use_device
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
    """Trains and scores the networks of one study on one device.

    The trained weights are kept in `folder/weights`, unfinished trainings in `folder/checkpoints`.
    """

    def __init__(self, config: StudyConfig, folder: Path, *, device: str) -> None:
        self.config = config
        self.folder = folder
        self.networks = StudyNetworks(config, device=device)
        self._has_folder = False

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
        """Train one placement on one seed; a training that fails by itself is an evaluation too.

        A job with fewer epochs than the recipe is the start of its training: it leaves a checkpoint, from which a
        longer job continues, and no weights.
        """
        evaluation = self._evaluate(job, on_epoch=on_epoch)
        if evaluation.reason == "oom":  # only now does no frame of the error hold the tensors
            release_memory(self.networks.device)
        return evaluation

    def _evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        start = time.perf_counter()
        if not self._has_folder:  # later it is not made anew, should its disk be away
            self.folder.mkdir(parents=True, exist_ok=True)
            self._has_folder = True
        recipe = self.config.recipe
        whole = replace(job, epochs=recipe.epochs)
        checkpoint = Checkpoint(path=checkpoint_path(self.folder / "checkpoints", whole))
        without_result = Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="failed",
            device=device_name(self.networks.device),
            threads=torch.get_num_threads(),
            versions=versions(*(["kornia"] if recipe.randaugment is not None else [])),
        )
        try:
            with (
                self.networks.user_errors_in(job.placement, "code of your own failed"),
                self.networks.training_batches(seed=job.seed) as batches,
            ):
                network, curve = train(
                    self.networks.trainable(job.placement, seed=job.seed),
                    recipe=recipe,
                    batches=batches,
                    validation=self.networks.validation_batches,
                    device=self.networks.device,
                    checkpoint=checkpoint,
                    on_epoch=on_epoch,
                    until=job.epochs,
                    scored=self.config.scored_epochs,
                )
        except (TrainingFailed, UserCodeError) as error:
            reason = error.reason if isinstance(error, TrainingFailed) else "error"
            if reason != "oom":  # it is a result: nobody goes on from there
                checkpoint.path.unlink(missing_ok=True)
            if isinstance(error, UserCodeError) and job.placement.is_plain and job.seed == 0:
                raise  # nothing else would do better
            seconds = time.perf_counter() - start
            return replace(without_result, seconds=seconds, reason=reason, message=str(error))
        result = replace(
            without_result,
            state="complete",
            value=curve[-1].accuracy,
            cross_entropy=curve[-1].cross_entropy,
            correct=curve[-1].correct,
            top5_accuracy=curve[-1].top5_accuracy,
            curve=tuple(map(_as_evaluated, curve)),
        )
        if job != whole:
            return replace(result, seconds=time.perf_counter() - start)
        file_name = f"{job.file_name}.safetensors"
        weights = serialize_weights(network)
        write_atomically(self.folder / "weights" / file_name, weights, parents=False)
        return replace(
            result,
            seconds=time.perf_counter() - start,
            weights=file_name,
            weights_sha256=sha256_of(weights),
        )

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


def checkpoint_path(folder: Path, job: Job) -> Path:
    """Return the path of a job's checkpoint; a checkpoint of an earlier version is renamed to it."""
    path = folder / f"{job.file_name}.ckpt"
    for name in job.former_file_names:
        earlier = path.with_name(f"{name}.ckpt")
        with contextlib.suppress(OSError):  # most have none, and a name may be too long for there ever to have been one
            if earlier != path and not path.exists():
                earlier.replace(path)
    return path
