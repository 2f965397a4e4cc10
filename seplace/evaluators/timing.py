"""Estimates of training time, from a few timed steps of the real training."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seplace.errors import DeviceUnavailable, TrainingFailed
from seplace.training.fit import train
from seplace.training.optimization import trainable_parameters
from seplace.training.score import measure_score

if TYPE_CHECKING:
    from torch import Tensor

    from seplace.datasets.loader import BatchLoader
    from seplace.evaluators.study_networks import StudyNetworks
    from seplace.placement import Placement

_STEPS = 16
_SCORED = 8
"""The largest number of validation batches that are scored."""
_PATIENCE = 4.0
"""Where one step with its set-up takes this many seconds, three steps are timed instead."""


class FirstBatches:
    """The first few training batches of each epoch."""

    def __init__(self, batches: BatchLoader, count: int) -> None:
        self.batches = batches
        self.count = min(count, len(batches))

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return itertools.islice(iter(self.batches), self.count)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.batches.set_epoch(epoch)


def estimate_training(networks: StudyNetworks, placement: Placement) -> float:
    """Return the seconds of one training, from short trainings that differ in steps and in epochs.

    The estimate includes building the network and setting up its training, and the present load of the machine. Raises
    DeviceUnavailable where a batch does not fit into the memory.
    """
    recipe, scored = networks.config.recipe, networks.config.scored_epochs
    batches = networks.training_batches(seed=0)
    validation = networks.validation_batches
    gentle = recipe.model_copy(update={"learning_rate": min(recipe.learning_rate, 1e-6)})  # so that it does not diverge

    def timed(steps: int, epochs: int) -> float:
        start = time.perf_counter()
        with batches:
            train(
                networks.startable(placement, seed=0),
                recipe=gentle,
                batches=FirstBatches(batches, steps),
                validation=[],
                device=networks.device,
                checkpoint=None,
                on_epoch=lambda _epoch: None,
                until=min(epochs, recipe.epochs),
                scored=(),
            )
        return time.perf_counter() - start

    network = networks.startable(placement, seed=0)
    count = min(_SCORED, len(validation))
    start = time.perf_counter()
    measure_score(network, itertools.islice(validation, count), precision=recipe.precision)
    score = (time.perf_counter() - start) * len(validation) / count
    if not trainable_parameters(network):
        return score
    try:
        timed(1, 1)  # warms up
        short = timed(1, 1)
        steps = min(_STEPS if short < _PATIENCE else 3, len(batches))
        step = (timed(steps, 1) - short) / (steps - 1) if steps > 1 else 0.0
        epoch = (timed(1, 2) - short) if recipe.epochs > 1 else 0.0  # with one step
    except TrainingFailed as error:
        if error.reason == "oom":
            raise DeviceUnavailable(
                f"{placement}: a batch of {recipe.batch_size} images of {networks.images.image_size} pixels does not "
                f"fit here: {error}"
            ) from error
        raise
    step = max(step, 0.0)
    around = max(epoch - step, 0.0)
    return (
        short + (recipe.epochs - 1) * (around + step) + recipe.epochs * (len(batches) - 1) * step + len(scored) * score
    )
