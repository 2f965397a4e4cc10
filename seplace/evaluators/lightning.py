"""The evaluator that trains each network with a LightningModule of the user's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seplace.costs.table import CostTable
from seplace.evaluators.job_training import JobTraining, Trained
from seplace.evaluators.own_inputs import notes_of_inputs
from seplace.evaluators.own_networks import OwnNetworks
from seplace.evaluators.own_ranks import fit_on_devices
from seplace.evaluators.own_timing import estimate_own_training
from seplace.evaluators.stepping import StepWindows, Window
from seplace.evaluators.study_costs import count_costs, time_placements
from seplace.evaluators.weights import read_beside, read_weights
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.study.config import StudyConfig
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import resolve_device, share_memory, use_device
from seplace.training.input_shapes import noted_shapes
from seplace.training.own_fit import OwnFit, fit_own, test_own, validation_inputs
from seplace.training.own_steps import train_own_steps


def make(config: StudyConfig, folder: Path, *, worker: int) -> OwnTrainings:
    """Return the evaluator of a worker on its device; sets torch's threads and its GPU for this whole process."""
    torch.set_num_threads(config.run.threads)
    device = resolve_device(config.run.accelerator, worker, devices=config.devices)
    use_device(torch.device(device))
    return OwnTrainings(config, folder, device=device)


class OwnTrainings:
    """Trains the networks of one study on one device, as the user's own module does; its files are `JobTraining`'s."""

    def __init__(self, config: StudyConfig, folder: Path, *, device: str) -> None:
        self.config = config
        self.folder = folder.absolute()  # the user's code may change the current folder in a training
        self.networks = OwnNetworks(config, device=device)
        self._training = JobTraining(self.folder, epochs=config.training.epochs, device=self.networks.device)

    def describe_images(self) -> dict[str, Any]:
        """Return what a network needs to be built again; the user's module and data are made once, to be checked."""
        self.networks.check_parts()
        return self.networks.describe()

    def cost_table(self) -> CostTable:
        """Count every choice of the space and of the baselines."""
        return count_costs(self.networks)

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Time placements, one input a pass, interleaved with the plain backbone; by the text of the placement."""
        return time_placements(self.networks, placements)

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training from a few timed steps."""
        return estimate_own_training(self.networks, placement)

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
        windows = StepWindows(next_window=next_window, on_window=on_window, device=self.networks.device)
        train_own_steps(
            self.networks.build(placement, seed=0),
            training=self.networks.training,
            device=self.networks.device,
            stepped=windows.stepped,
        )

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Train one placement on one seed; see `JobTraining.evaluate`."""

        def train_job(checkpoint: Checkpoint) -> Trained:
            network, fit = self._fit(job, checkpoint=checkpoint, on_epoch=on_epoch)
            return Trained(
                network=network,
                value=fit.curve[-1].value,
                curve=tuple(point.to_record() for point in fit.curve),
                batches=fit.batches,
                sample_scores=fit.samples,
                beside=fit.beside,
                versions=fit.versions,
            )

        return self._training.evaluate(job, train_job)

    def _fit(self, job: Job, *, checkpoint: Checkpoint, on_epoch: Callable[[int], None]) -> tuple[nn.Module, OwnFit]:
        if self.config.devices > 1:
            return fit_on_devices(self.networks, job, checkpoint=checkpoint, on_epoch=on_epoch)
        network = self.networks.build(job.placement, seed=job.seed)
        with noted_shapes(network) as shapes:
            fit = fit_own(
                network,
                training=self.networks.training,
                metric=self.config.metric,
                seed=job.seed,
                device=self.networks.device,
                checkpoint=checkpoint,
                on_epoch=on_epoch,
                until=job.epochs,
            )
        if job.placement.is_plain and job.seed == 0:  # the others have the same data
            for note in notes_of_inputs(self.networks, shapes):
                warnings.warn(note, stacklevel=2)
        return network, fit

    def test(self, evaluation: Evaluation) -> Tested:
        """Return the metric of a trained network on the test data."""
        tested = test_own(
            self.trained(evaluation),
            read_beside(self.folder, evaluation),
            training=self.networks.training,
            metric=self.config.metric,
            seed=evaluation.seed,
            device=self.networks.device,
        )
        return Tested(value=tested.value, sample_scores=tested.samples)

    def validated(self, evaluation: Evaluation, *, most_images: int) -> tuple[nn.Module, Tensor]:
        """Return a trained network, and the inputs (N, C, H, W) that its module gives it in validation, on the CPU."""
        network = self.trained(evaluation)
        inputs = validation_inputs(
            network,
            read_beside(self.folder, evaluation),
            training=self.networks.training,
            seed=evaluation.seed,
            device=self.networks.device,
            most=most_images,
        )
        return network, inputs

    def trained(self, evaluation: Evaluation) -> nn.Module:
        """Return the network of an evaluation with its trained weights, on this device, in eval mode."""
        network = self.networks.build(evaluation.placement, seed=evaluation.seed)
        network.load_state_dict(read_weights(self.folder, evaluation))
        return network.to(self.networks.device).eval()
