"""The training of a network by a recipe. This is the only module that imports Lightning."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from seplace.arrays import ImageBits
from seplace.errors import TrainingFailed
from seplace.study.recipe import Recipe
from seplace.training.allocator import keep_freed_memory
from seplace.training.checkpoints import Checkpoint, read_checkpoint, resume_point, write_checkpoint
from seplace.training.optimization import optimizer_of, schedule_of, take_step, trainable_parameters
from seplace.training.score import Batches, Score, measure_score
from seplace.user_code import is_out_of_memory, out_of_memory_message

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside Lightning's own imports
    import pytorch_lightning as lightning
    from lightning_fabric.plugins import CheckpointIO
    from pytorch_lightning.plugins import MixedPrecision
    from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class TrainingBatches(Protocol):
    """Batches whose order and augmentation depend on the epoch alone."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """The validation score after an epoch, and the mean training loss of that epoch."""

    epoch: int
    accuracy: float
    cross_entropy: float
    train_loss: float | None
    """None where nothing learns: a frozen backbone without attention."""
    correct: ImageBits | None = None
    """Which validation images are classified right; only after the last epoch of the recipe."""
    top5_accuracy: float | None = None
    """Only after the last epoch of the recipe."""

    @classmethod
    def of(cls, score: Score, *, epoch: int, train_loss: float | None, is_last: bool) -> Self:
        """Return the point of a score; `is_last` after the last epoch of the recipe."""
        return cls(
            epoch=epoch,
            accuracy=score.accuracy,
            cross_entropy=score.cross_entropy,
            train_loss=train_loss,
            correct=score.correct if is_last else None,
            top5_accuracy=score.top5_accuracy if is_last else None,
        )

    def to_record(self) -> dict[str, float | None]:
        """Return the point as plain numbers, without the images."""
        return {
            "epoch": self.epoch,
            "accuracy": self.accuracy,
            "cross_entropy": self.cross_entropy,
            "train_loss": self.train_loss,
        }


def _moving_average(decay: float) -> Callable[..., None]:
    average: Callable[..., None] = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return average


class Classifier(lightning.LightningModule):
    """Trains a network by the recipe and scores it on the validation split after some epochs."""

    def __init__(
        self,
        network: nn.Module,
        *,
        recipe: Recipe,
        batches: TrainingBatches,
        validation: Batches,
        checkpoint: Checkpoint | None,
        on_epoch: Callable[[int], None],
        until: int,
        scored: Collection[int],
    ) -> None:
        super().__init__()
        self.network = network
        self.forward_network = torch.compile(network) if recipe.compile else network
        self.recipe = recipe
        self.learning = trainable_parameters(network)
        self.batches = batches
        self.steps_per_epoch = len(batches)
        self.validation = validation
        self.checkpoint = checkpoint
        self.last_saved = time.monotonic()
        self.on_epoch = on_epoch
        self.until = until
        self.scored = scored
        self.averaged = (
            AveragedModel(network, multi_avg_fn=_moving_average(recipe.ema_decay), use_buffers=True)
            if recipe.ema_decay is not None
            else None
        )
        self.curve: list[CurvePoint] = []
        self.automatic_optimization = False  # its closure and hooks take longer than the step of a small network

    @property
    def trained(self) -> nn.Module:
        """The network that is scored: the averaged one where the recipe averages weights."""
        return self.network if self.averaged is None else self.averaged.module

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the recipe's optimizer with its schedule by the step."""
        optimizer = optimizer_of(self.recipe, self.learning)
        schedule = schedule_of(self.recipe, optimizer, steps_per_epoch=self.steps_per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        """Set the loader to this epoch's order and augmentation."""
        self.batches.set_epoch(self.current_epoch)
        self.loss_sum = torch.zeros((), device=self.device)
        self.optimizer = cast(torch.optim.Optimizer, self.optimizers(use_pl_optimizer=False))
        self.schedule = cast(LRScheduler, self.lr_schedulers())
        precision = self.trainer.precision_plugin
        self.scaler = precision.scaler if isinstance(precision, MixedPrecision) else None

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Take one step of the optimizer and of its schedule; the sum of losses stays on the device."""
        images, labels = batch
        self.optimizer.zero_grad()
        parts = self.recipe.accumulate
        for some, theirs in [batch] if parts == 1 else zip(images.chunk(parts), labels.chunk(parts), strict=True):
            loss = F.cross_entropy(
                self.forward_network(some).float(), theirs, label_smoothing=self.recipe.label_smoothing
            )
            loss = loss if parts == 1 else loss / parts  # of equal size
            self.manual_backward(loss)
            self.loss_sum.add_(loss.detach())
        take_step(
            self.optimizer, parameters=self.learning, clip_norm=self.recipe.gradient_clip_norm, scaler=self.scaler
        )
        self.schedule.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def on_train_epoch_end(self) -> None:
        """Score the network, and write a checkpoint at times and after the last epoch of this job.

        Raises TrainingFailed where a loss is not finite.
        """
        epoch = self.current_epoch + 1
        train_loss = float(self.loss_sum) / self.steps_per_epoch
        if not math.isfinite(train_loss):
            raise TrainingFailed("diverged", f"the training loss became {train_loss} in epoch {epoch}")
        if epoch in self.scored:
            score = measure_score(self.trained, self.validation, precision=self.recipe.precision)
            if not math.isfinite(score.cross_entropy):
                raise TrainingFailed("diverged", f"the validation loss became {score.cross_entropy} in epoch {epoch}")
            is_last = epoch == self.recipe.epochs
            self.curve.append(CurvePoint.of(score, epoch=epoch, train_loss=train_loss, is_last=is_last))
        if (
            self.checkpoint is not None and epoch < self.recipe.epochs
        ):  # the result of the last epoch is stored as an evaluation
            self._save_checkpoint(self.checkpoint, is_due=epoch == self.until)
        self.on_epoch(epoch)

    def _save_checkpoint(self, checkpoint: Checkpoint, *, is_due: bool) -> None:
        if is_due or time.monotonic() - self.last_saved >= checkpoint.every_seconds:
            self.trainer.save_checkpoint(checkpoint.path)
            self.last_saved = time.monotonic()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the curve with the weights, as plain types."""
        checkpoint["curve"] = [point.to_record() for point in self.curve]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the curve."""
        self.curve = [CurvePoint(**point) for point in checkpoint["curve"]]


class AtomicCheckpoints(CheckpointIO):
    """Lightning's interface to the checkpoint files."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002 - Lightning's
        """Write a checkpoint."""
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ARG002 - Lightning's
        """Read a checkpoint."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _constant_curve(
    network: nn.Module,
    *,
    recipe: Recipe,
    validation: Batches,
    on_epoch: Callable[[int], None],
    until: int,
    scored: Collection[int],
) -> list[CurvePoint]:
    """Score a network in which nothing learns: a frozen backbone without attention."""
    score = measure_score(network, validation, precision=recipe.precision)
    if not math.isfinite(score.cross_entropy):
        raise TrainingFailed("diverged", f"the validation loss of the frozen network is {score.cross_entropy}")
    on_epoch(until)
    return [
        CurvePoint.of(score, epoch=epoch, train_loss=None, is_last=epoch == recipe.epochs)
        for epoch in sorted(scored)
        if epoch <= until
    ]


def _mixed_precision(recipe: Recipe, device: torch.device) -> list[MixedPrecision]:
    """Return Lightning's plugin for a recipe in half precision; named by itself it is not replaced on a CPU."""
    names: dict[str, Literal["bf16-mixed", "16-mixed"]] = {"bf16": "bf16-mixed", "fp16": "16-mixed"}
    name = names.get(recipe.precision)
    return [] if name is None else [MixedPrecision(name, device.type)]


@contextmanager
def naming_out_of_memory() -> Iterator[None]:
    """Raise TrainingFailed (`oom`) where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise TrainingFailed("oom", out_of_memory_message(error)) from error
        raise


@naming_out_of_memory()
def train(
    network: nn.Module,
    *,
    recipe: Recipe,
    batches: TrainingBatches,
    validation: Batches,
    device: torch.device,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[int], None],
    until: int | None = None,
    scored: Collection[int] | None = None,
) -> tuple[nn.Module, list[CurvePoint]]:
    """Train `network` on `device`; return the network to score, in eval mode, and its curve.

    Args:
        network: The network; it is moved to the device.
        recipe: The recipe of the training.
        batches: The training batches.
        validation: The validation batches.
        device: The device of the training.
        checkpoint: The file of an unfinished training, from which this one continues to the same numbers; it is deleted
            after the last epoch of the recipe.
        on_epoch: Is called with the number of each trained epoch.
        until: The last epoch of this job, by default that of the recipe. A shorter job has the schedule of the whole
            recipe, and leaves its checkpoint.
        scored: The epochs after which the validation split is scored, by default those of the recipe. They change
            nothing else.

    Raises:
        TrainingFailed: A loss is not finite (`diverged`), or memory ran out (`oom`).

    """
    until = recipe.epochs if until is None else until
    scored = recipe.check_epochs if scored is None else scored
    if device.type == "cpu":
        keep_freed_memory()
    memory_format = torch.channels_last if recipe.channels_last else torch.contiguous_format
    network = network.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]
    if not trainable_parameters(network):
        constant = _constant_curve(
            network, recipe=recipe, validation=validation, on_epoch=on_epoch, until=until, scored=scored
        )
        return network.eval(), constant
    classifier = Classifier(
        network,
        recipe=recipe,
        batches=batches,
        validation=validation,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        until=until,
        scored=scored,
    )
    resume, reached = resume_point(checkpoint)
    trainer = lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.type == "cuda" else 1,
        max_epochs=max(until, reached),  # a checkpoint may be beyond `until`: its curve has the earlier epochs
        plugins=[AtomicCheckpoints(), *_mixed_precision(recipe, device)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    with warnings.catch_warnings():
        # The loaders hold the data in memory and need no worker processes.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*`isinstance.*LeafSpec.*")
        # In fp16 the first steps may be left out, by intention.
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*before.*optimizer.step.*")
        # The batch norms of a frozen backbone are in eval mode by intention.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        trainer.fit(classifier, train_dataloaders=batches, ckpt_path=resume, weights_only=True)
    if checkpoint is not None and until == recipe.epochs:
        checkpoint.path.unlink(missing_ok=True)
    return classifier.trained.eval(), [point for point in classifier.curve if point.epoch <= until]
