"""What watches a training of the user's own: it reads the metric, keeps the curve, and writes checkpoints."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from seplace.errors import TrainingFailed, UserCodeError, did_you_mean
from seplace.metric import Metric
from seplace.sample_scores import SampleScores
from seplace.training.batch_digest import BatchDigest
from seplace.training.checkpoints import Checkpoint, CorruptCheckpoint, read_checkpoint
from seplace.training.door import lightning
from seplace.training.own_loaders import SeededLoaders, generator_states
from seplace.training.own_parts import refuse_callback
from seplace.training.own_samples import read_sample_scores

_DIGESTED = 3
"""The first batches of a training whose content is compared with that of the plain backbone on the same seed."""
_HPARAMS = ("hyper_parameters", "hparams_", "datamodule_hyper_parameters", "datamodule_hparams_")
"""The beginnings of what Lightning stores to make a module anew, which is not needed: the study makes it."""
_STATE = "seplace_training"
_ROUNDING = 1e-6
"""By how much, as a share, devices may differ in a metric that they have averaged."""


@dataclass(frozen=True, kw_only=True)
class OwnPoint:
    """The validated metric after an epoch, in its unit, and the mean training loss of that epoch."""

    epoch: int
    value: float
    train_loss: float | None
    """None where the module does not return a loss."""

    def to_record(self) -> dict[str, float | None]:
        """Return the point as plain numbers."""
        return asdict(self)


class Reached(Exception):
    """The last epoch of a job that is the start of a longer training."""


class Watch(lightning.Callback):
    """Stands first among the callbacks of a training."""

    def __init__(
        self,
        *,
        metric: Metric,
        epochs: int,
        until: int,
        loaders: SeededLoaders,
        checkpoint: Checkpoint | None,
        on_epoch: Callable[[int], None],
    ) -> None:
        self.metric = metric
        self.epochs = epochs
        self.until = until
        self.loaders = loaders
        self.checkpoint = checkpoint
        self.on_epoch = on_epoch
        self.curve: list[OwnPoint] = []
        self.batches: str | None = None
        """The digest of the first batches; None before the end of the first epoch."""
        self.samples: SampleScores | None = None
        """The score of each sample in the latest validation, where the module offers it."""
        self.had_loss = False
        """Whether any step of the training so far gave a loss."""
        self._digest = BatchDigest()
        self._latest: float | None = None
        self._loss: Tensor | None = None
        self._steps = 0
        self._is_first_epoch = True
        self._known: dict[str, float] = {}
        """The metrics that were logged before this training went on; a scheduler may wait for one."""
        self._was_read_back = False
        self._last_saved = time.monotonic()

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Refuse the callbacks of the module itself that stop a training."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            refuse_callback(callback, f"callback of {type(pl_module).__name__}.configure_callbacks")

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Begin an epoch anew where a training goes on: its checkpoint lies between two epochs."""
        trainer.fit_loop.restarting = False
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self._known.items()})

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Write a checkpoint between two epochs, and seed what the next one draws."""
        done = trainer.current_epoch
        if not self._is_first_epoch:
            if done == self.epochs:
                raise UserCodeError(
                    f"the training goes on after its {self.epochs} epochs: a callback or the module has set "
                    "trainer.max_epochs, and a search compares trainings of equal length; leave it out"
                )
            self._save(trainer, is_due=done == self.until)
            if done == self.until:
                raise Reached
            self.loaders.begin(done)
        self._is_first_epoch = False
        self._loss, self._steps = None, 0

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the content of the first batches."""
        if batch_idx < _DIGESTED and trainer.current_epoch == 0:
            self._digest.add(batch)

    def on_validation_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,  # noqa: ARG002 - Lightning's
    ) -> None:
        """Note the content of the first batches that are validated: placements are compared on the same ones."""
        if batch_idx < _DIGESTED and trainer.current_epoch == 0 and not trainer.sanity_checking:
            self._digest.add(batch)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002 - Lightning's
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's
        outputs: Any,
        batch: Any,  # noqa: ARG002 - Lightning's
        batch_idx: int,  # noqa: ARG002 - Lightning's
    ) -> None:
        """Add the loss of a step to the sum, which stays on the device."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor) and loss.numel() == 1:
            if self._loss is None:
                self._loss = torch.zeros((), device=loss.device)
            self._loss.add_(loss.detach().reshape(()))
            self._steps += 1
            self.had_loss = True

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Forget the metric of the validation before this one."""
        forget_metric(trainer, self.metric.name)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Read the metric. Raises UserCodeError where it was not logged, and TrainingFailed where it is not finite."""
        if trainer.sanity_checking:
            return
        name, epoch = self.metric.name, trainer.current_epoch + 1
        when = "in validation" if epoch == 1 else f"in the validation of epoch {epoch}"
        self._latest = reported = read_metric(trainer, name, pl_module, when=when)
        if trainer.num_devices > 1:
            refuse_unequal(self._latest, name, pl_module)
        if not math.isfinite(self._latest):
            raise TrainingFailed("diverged", f"{name} became {self._latest} in epoch {epoch}")
        self.samples = read_sample_scores(trainer, pl_module, metric=self.metric, name=name, reported=reported)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Add a point to the curve. Raises TrainingFailed where the training loss is not finite."""
        epoch = trainer.current_epoch + 1
        loss = None if self._loss is None else float(trainer.strategy.reduce(self._loss)) / self._steps
        if loss is not None and not math.isfinite(loss):
            raise TrainingFailed("diverged", f"the training loss became {loss} in epoch {epoch}")
        if epoch == 1:
            self.batches = self._digest.text()
        if self._latest is not None:
            self.curve.append(OwnPoint(epoch=epoch, value=self.metric.value_of(self._latest), train_loss=loss))
            self._latest = None
        self.on_epoch(epoch)

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's
        checkpoint: dict[str, Any],
    ) -> None:
        """Store what is known of the training so far, as plain types."""
        for name in [name for name in checkpoint if name.startswith(_HPARAMS)]:
            del checkpoint[name]
        checkpoint["curve"] = [point.to_record() for point in self.curve]
        checkpoint[_STATE] = {
            "epochs": trainer.current_epoch,
            "batches": self.batches,
            "had_loss": self.had_loss,
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "generators": generator_states(trainer.train_dataloader),
        }

    def take_up(self, content: dict[str, Any]) -> None:
        """Take up the training of a checkpoint."""
        state = content[_STATE]
        self.curve = [OwnPoint(**point) for point in content["curve"]]
        self.batches, self.had_loss = state["batches"], state["had_loss"]
        self._known = state["metrics"]
        self.loaders.epoch, self.loaders.generators = state["epochs"], state["generators"]

    def _save(self, trainer: lightning.Trainer, *, is_due: bool) -> None:
        checkpoint = self.checkpoint
        if checkpoint is None:
            return
        is_due = is_due or time.monotonic() - self._last_saved >= checkpoint.every_seconds
        if trainer.strategy.broadcast(is_due):  # all devices save together, when the first one says so
            trainer.save_checkpoint(checkpoint.path)
            self._last_saved = time.monotonic()
            if not self._was_read_back and trainer.is_global_zero:
                self._read_back(checkpoint)
            self._was_read_back = True
            self.checkpoint = trainer.strategy.broadcast(self.checkpoint)

    def _read_back(self, checkpoint: Checkpoint) -> None:
        """Warn where the user's own state cannot be read again: its classes are not run by what reads a checkpoint."""
        try:
            read_checkpoint(checkpoint.path)
        except CorruptCheckpoint:
            checkpoint.path.unlink()
            self.checkpoint = None
            warnings.warn(
                "the state of your training holds more than tensors and plain values (see on_save_checkpoint and "
                "state_dict of the module, the data and the callbacks): it is not kept, and an interrupted training "
                "begins again",
                stacklevel=2,
            )


def epochs_in(content: dict[str, Any]) -> int:
    """Return the epochs that a checkpoint has behind it."""
    return int(content[_STATE]["epochs"])


def refuse_unequal(value: float, name: str, module: lightning.LightningModule) -> None:
    """Raise UserCodeError where the devices that train together have logged different values of a metric."""
    gathered = module.all_gather(torch.tensor(value, dtype=torch.float64))
    assert isinstance(gathered, Tensor)
    values = gathered.flatten().tolist()
    least, most = min(values), max(values)
    if any(map(math.isnan, values)) or most - least <= _ROUNDING * max(abs(least), abs(most)):
        return
    raise UserCodeError(
        f"{type(module).__name__} logs another {name!r} on each device (from {least:.6g} to {most:.6g}): log it with "
        "sync_dist=True, or log a metric of torchmetrics"
    )


def forget_metric(trainer: lightning.Trainer, name: str) -> None:
    """Forget what a metric was before a validation: Lightning keeps it, also where a training step has logged it."""
    trainer.callback_metrics.pop(name, None)


def read_metric(trainer: lightning.Trainer, name: str, module: lightning.LightningModule, *, when: str) -> float:
    """Return a metric that a module has logged.

    Raises UserCodeError where it is missing; the message lists what was logged.
    """
    logged = trainer.callback_metrics
    if name not in logged:
        known = ", ".join(sorted(logged)) or "nothing"
        raise UserCodeError(
            f"{type(module).__name__} logs no {name!r} {when}{did_you_mean(name, logged)} (logged: {known})"
        )
    return float(logged[name])
