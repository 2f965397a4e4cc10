"""The training of a module of the user's own with Lightning's Trainer, and its test."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from seplace.errors import InputError, MissingTestSplit, TrainingFailed, UserCodeError
from seplace.metric import Metric
from seplace.sample_scores import SampleScores
from seplace.seeds import derive_seed
from seplace.study.own_training import OwnTraining
from seplace.training.allocator import keep_freed_memory
from seplace.training.checkpoints import Checkpoint, read_checkpoint, resume_point
from seplace.training.door import fitting, lightning, versions_beside
from seplace.training.fit import AtomicCheckpoints, naming_out_of_memory
from seplace.training.own_loaders import SeededLoaders
from seplace.training.own_parts import (
    has_loader,
    make_callbacks,
    make_data,
    make_module,
    package_of_module,
    state_beside,
)
from seplace.training.own_samples import read_sample_scores
from seplace.training.own_state import own_state, seed_all
from seplace.training.own_trained import TakesTrained, cloned_state
from seplace.training.own_watch import OwnPoint, Reached, Watch, epochs_in, read_metric
from seplace.training.rank import Rank
from seplace.user_code import user_errors


@dataclass(frozen=True, kw_only=True)
class OwnFit:
    """What a training of the user's own gave; the network that went into it is trained."""

    curve: tuple[OwnPoint, ...]
    batches: str | None
    """The digest of its first batches."""
    beside: Mapping[str, Tensor]
    """The state of the module beside that of its network."""
    samples: SampleScores | None = None
    """The score of each validation sample after the last epoch; None where the module does not offer it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The versions of packages that trained it, beside those that seplace requires."""


@dataclass(frozen=True, kw_only=True)
class OwnTest:
    """A trained network on the test data."""

    value: float
    """The metric, in its unit."""
    samples: SampleScores | None
    """The score of each test sample; None where the module does not offer it."""


@naming_out_of_memory()
def fit_own(
    network: nn.Module,
    *,
    training: OwnTraining,
    metric: Metric,
    seed: int,
    device: torch.device,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[int], None],
    until: int | None = None,
    rank: Rank | None = None,
) -> OwnFit:
    """Train a network on `device` as the user's own module does, with what is drawn following from `seed`.

    Args:
        network: The network; after the last epoch it is on the CPU, with its trained weights.
        training: The training of the user's own.
        metric: What is read after each validation.
        seed: The seed of the training; the global random state is as before at the end.
        device: The device of the training.
        checkpoint: The file of an unfinished training, from which this one continues to the same numbers; it is deleted
            after the last epoch.
        on_epoch: Is called with the number of each trained epoch.
        until: The last epoch of this job, by default that of the training. A shorter job has the schedule of the whole
            training, and leaves its checkpoint.
        rank: Which of the processes this one is that train the network together, each on a device from `device` on;
            None where one device trains it.

    Raises:
        TrainingFailed: The metric or a loss is not finite (`diverged`), or memory ran out (`oom`).
        UserCodeError: The user's own code failed, does not log the metric, or stopped the training.

    """
    epochs = training.epochs
    until = epochs if until is None else until
    if device.type == "cpu":
        keep_freed_memory()
    resume, content = _checkpoint_of(checkpoint)
    with own_state(training, derive_seed(seed, "own training")), quiet():
        module = make_module(training, network)
        package = package_of_module(module)
        seed_all(derive_seed(seed, "own data"))
        data = make_data(training, package)
        loaders = SeededLoaders(data.train_dataloader, seed=seed, stream=_stream(training, rank))
        data.train_dataloader = loaders  # type: ignore[method-assign]
        watch = fitting(Watch, package.Callback)(
            metric=metric,
            epochs=epochs,
            until=until,
            loaders=loaders,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
        if content is not None:
            watch.take_up(content)
            if epochs_in(content) >= until:  # it is beyond this job: its curve has the earlier epochs
                return _start(watch, package)
        trainer = make_trainer(training, package, device=device, rank=rank, first=watch)
        with user_errors(f"{training.module} fails"):
            try:
                trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
            except Reached:
                return _start(watch, package)
    if trainer.current_epoch < epochs:
        raise UserCodeError(
            f"the training stopped after {trainer.current_epoch} of its {epochs} epochs: a callback or the module set "
            "trainer.should_stop, and a search compares trainings of equal length; leave early stopping out"
        )
    if module.automatic_optimization and not watch.had_loss:
        raise UserCodeError(
            f"{training.module} was not trained: its training_step returned None in every step; return the loss, or "
            "set self.automatic_optimization = False where training_step itself steps the optimizers"
        )
    if not watch.curve or watch.curve[-1].epoch != epochs:
        raise UserCodeError(
            f"{training.data} gave no validation batches after epoch {epochs}: there is no {metric.name}"
        )
    if checkpoint is not None and trainer.is_global_zero:
        checkpoint.path.unlink(missing_ok=True)
    return OwnFit(
        curve=tuple(watch.curve),
        batches=watch.batches,
        beside=state_beside(module, network),
        samples=watch.samples,
        versions=versions_beside(package),
    )


@naming_out_of_memory()
def test_own(
    network: nn.Module,
    beside: Mapping[str, Tensor],
    *,
    training: OwnTraining,
    metric: Metric,
    seed: int,
    device: torch.device,
) -> OwnTest:
    """Return the metric of a trained network on the test data; `beside` is the rest of its module's state.

    Raises MissingTestSplit where the data have no test loader.
    """
    weights = cloned_state(network)
    with own_state(training, derive_seed(seed, "own training")), quiet():
        module = make_module(training, network)
        package = package_of_module(module)
        trained = fitting(TakesTrained, package.Callback)(network, weights, beside)
        seed_all(derive_seed(seed, "own data"))
        data = make_data(training, package)
        if not has_loader(data, "test_dataloader") or type(module).test_step is package.LightningModule.test_step:
            raise MissingTestSplit(f"{training.data} has no test_dataloader, or {training.module} no test_step")
        with user_errors(f"{training.module} cannot be tested"):
            trainer = make_trainer(training, package, device=device, first=trained)
            trainer.test(module, datamodule=data, verbose=False)
            value = read_metric(trainer, metric.test_name, module, when="in its test")
            if not math.isfinite(value):
                raise TrainingFailed("diverged", f"{metric.test_name} is {value}")
            samples = read_sample_scores(trainer, module, metric=metric, name=metric.test_name, reported=value)
    return OwnTest(value=metric.value_of(value), samples=samples)


@naming_out_of_memory()
def validation_inputs(
    network: nn.Module,
    beside: Mapping[str, Tensor],
    *,
    training: OwnTraining,
    seed: int,
    device: torch.device,
    most: int,
) -> Tensor:
    """Return at most `most` inputs (N, C, H, W) that a trained network gets in validation, on the CPU.

    Raises InputError where its first argument is not a batch of maps.
    """
    seen: list[Tensor] = []

    def keep(_network: nn.Module, given: tuple[Any, ...]) -> None:
        if not given or not isinstance(given[0], Tensor) or given[0].ndim != 4:
            raise InputError(f"{training.module} gives the network something else than one batch of maps (N, C, H, W)")
        seen.append(given[0].detach().cpu())
        if sum(map(len, seen)) >= most:
            raise Reached

    weights = cloned_state(network)
    with own_state(training, derive_seed(seed, "own training")), quiet():
        module = make_module(training, network)
        package = package_of_module(module)
        trained = fitting(TakesTrained, package.Callback)(network, weights, beside)
        seed_all(derive_seed(seed, "own data"))
        data = make_data(training, package)
        trainer = make_trainer(training, package, device=device, first=trained)
        hook = network.register_forward_pre_hook(keep)
        with user_errors(f"{training.module} cannot be validated"), suppress(Reached):
            trainer.validate(module, datamodule=data, verbose=False)
        hook.remove()
    return torch.cat(seen)[:most]


def make_trainer(
    training: OwnTraining,
    package: ModuleType,
    *,
    device: torch.device,
    first: lightning.Callback,
    rank: Rank | None = None,
    **limits: Any,
) -> lightning.Trainer:
    """Make the Trainer of a package of Lightning's on a device, with the study's arguments and what the search owns.

    The callback of the search, `first`, stands before those of the study. With a `rank` it trains on several devices;
    `device` is the first of them.
    """
    arguments = {"num_sanity_val_steps": 0} | training.trainer.arguments() | limits
    for name in ("devices", "strategy"):
        arguments.pop(name, None)
    callbacks = [first, *make_callbacks(training, package)]
    count, index = rank.of if rank is not None else 1, device.index or 0
    given = "training.trainer and training.callbacks" if training.callbacks else "training.trainer"
    with user_errors(f"{given}: Lightning refuses them beside what the search sets (no logger, no progress bar)"):
        trainer: lightning.Trainer = package.Trainer(
            **arguments,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=[*range(index, index + count)] if device.type == "cuda" else count,
            strategy="auto" if rank is None else training.trainer.process_strategy,
            callbacks=callbacks,
            plugins=[fitting(AtomicCheckpoints, package.plugins.CheckpointIO)()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    return trainer


def _stream(training: OwnTraining, rank: Rank | None) -> int:
    """Return the stream of random numbers of a device: its own, unless the user's own samplers must draw alike."""
    if rank is None or training.trainer.use_distributed_sampler is False:
        return 0
    return rank.number


def _checkpoint_of(checkpoint: Checkpoint | None) -> tuple[Any, dict[str, Any] | None]:
    path, _ = resume_point(checkpoint)
    return path, None if path is None else read_checkpoint(path)


def _start(watch: Watch, package: ModuleType) -> OwnFit:
    """Return what the start of a longer training gave, until the last epoch of its job."""
    return OwnFit(
        curve=tuple(point for point in watch.curve if point.epoch <= watch.until),
        batches=watch.batches,
        beside={},
        versions=versions_beside(package),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what Lightning advises in each of hundreds of trainings."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*`isinstance.*LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", message=".*`log_every_n_steps`.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", message=".*when logging on epoch level in distributed setting.*")
        warnings.filterwarnings("ignore", message=".*all_gather is deprecated.*")
        warnings.filterwarnings("ignore", message=".*is an instance of `nn.Module` and is already saved.*")
        warnings.filterwarnings("ignore", message=".*removed from hparams because it cannot be pickled.*")
        yield
