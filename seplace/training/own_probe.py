"""A short training of the user's own: what its set-up, its steps and its validation take."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seplace.metric import Metric
from seplace.seeds import derive_seed
from seplace.study.own_training import OwnTraining
from seplace.training.devices import synchronize
from seplace.training.door import fitting, lightning
from seplace.training.fit import naming_out_of_memory
from seplace.training.input_shapes import noted_shapes
from seplace.training.own_fit import make_trainer, quiet
from seplace.training.own_parts import make_data, make_module, package_of_module
from seplace.training.own_state import own_state
from seplace.training.own_watch import forget_metric, read_metric
from seplace.user_code import user_errors

_STEPS, _VALIDATED = 12, 6
"""The most batches of a probe."""
_SECONDS = 20.0
"""The time after which no further step is timed."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The times in seconds of a training's parts."""

    setting_up: float
    step: float
    steps: int
    """The steps of an epoch; 0 where its data do not say it."""
    validation_step: float
    validation_steps: int
    timed: int
    """The steps that were made."""
    value: float
    """The metric of the validation, as it was logged."""
    shapes: frozenset[tuple[int, ...]]
    """The shapes (C, H, W) of the maps that the network was given; those of a compiled network are not seen."""

    def seconds(self, epochs: int, *, every: int) -> float:
        """Return the time of a training of some epochs; `every` is the number of epochs between two validations."""
        validation = self.validation_step * self.validation_steps
        return self.setting_up + epochs * self.step * self.steps + epochs // every * validation


class _Timer(lightning.Callback):
    """Times steps; the first of each kind, which warms up, is left out where there are others."""

    def __init__(self, metric: Metric, device: torch.device) -> None:
        self.metric = metric
        self.device = device
        self.steps: list[float] = []
        self.validation_steps: list[float] = []
        self.lengths = (0, 0)
        self.value = math.nan
        self._begun = self._last = time.perf_counter()

    def _lap(self) -> float:
        synchronize(self.device)
        now = time.perf_counter()
        lap, self._last = now - self._last, now
        return lap

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        self._lap()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.steps.append(self._lap())
        if self._last - self._begun > _SECONDS:
            trainer.should_stop = True

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        forget_metric(trainer, self.metric.name)

    def on_validation_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        self._lap()

    def on_validation_batch_end(self, *_: Any) -> None:
        self.validation_steps.append(self._lap())

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not trainer.sanity_checking:
            self.value = read_metric(trainer, self.metric.name, pl_module, when="in validation")
            self.lengths = _length(trainer.train_dataloader), _length(trainer.val_dataloaders)


@naming_out_of_memory()
def probe(network: nn.Module, *, training: OwnTraining, metric: Metric, device: torch.device) -> Probed:
    """Train and validate a few batches. Raises UserCodeError where the user's own code fails or logs no metric."""
    given = training.trainer
    begun = time.perf_counter()
    with own_state(training, derive_seed(0, "probe")), quiet():
        module = make_module(training, network)
        package = package_of_module(module)
        data = make_data(training, package)
        timer = fitting(_Timer, package.Callback)(metric, device)
        trainer = make_trainer(
            training,
            package,
            device=device,
            first=timer,
            max_epochs=1,
            limit_train_batches=_fewer(given.limit_train_batches, _STEPS),
            limit_val_batches=_fewer(given.limit_val_batches, _VALIDATED),
            val_check_interval=1.0,
            check_val_every_n_epoch=1,
            overfit_batches=0.0,
        )
        with noted_shapes(network) as shapes, user_errors(f"{training.module} fails"):
            trainer.fit(module, datamodule=data)
    whole = time.perf_counter() - begun
    steps, validated = timer.steps, timer.validation_steps
    return Probed(
        setting_up=max(whole - sum(steps) - sum(validated), 0.0),
        step=_typical(steps),
        steps=_limited(timer.lengths[0], given.limit_train_batches),
        validation_step=_typical(validated),
        validation_steps=_limited(timer.lengths[1], given.limit_val_batches),
        timed=len(steps),
        value=timer.value,
        shapes=frozenset(shapes),
    )


def _typical(laps: list[float]) -> float:
    return statistics.fmean(laps[1:] or laps or [0.0])


def _fewer(limit: int | float | None, most: int) -> int:
    return min(limit, most) if isinstance(limit, int) else most


def _limited(length: int, limit: int | float | None) -> int:
    if limit is None:
        return length
    return min(length, limit) if isinstance(limit, int) else max(int(length * limit), 1)


def _length(loaders: Any) -> int:
    """Return the batches of loaders, without the limits of a probe; 0 where they do not say it."""
    try:
        if isinstance(loaders, list | tuple):
            return sum(len(each) for each in loaders)
        length = len(loaders)
    except TypeError:
        return 0
    return int(length) if math.isfinite(length) else 0
