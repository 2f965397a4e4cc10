"""The evaluator that trains each network in full, on its own."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from seplace.costs.table import CostTable
from seplace.datasets.image_set import ImageSet, Split, load_image_set
from seplace.datasets.loader import Augmentation, BatchLoader
from seplace.errors import (
    CorruptResults,
    DamagedImages,
    DataError,
    DeviceUnavailable,
    InputError,
    MissingWeights,
    TrainingFailed,
    UserCodeError,
)
from seplace.evaluators.data_look import look_at_study
from seplace.evaluators.new_parts import new_modules
from seplace.evaluators.pricing import count_costs, time_placements
from seplace.evaluators.timing import estimate_training
from seplace.files.atomic import sha256_of, write_atomically
from seplace.files.versions import versions
from seplace.models import build, freeze_backbone, holds_own_code
from seplace.placement import Placement
from seplace.registry import is_import_path
from seplace.results.evaluation import Evaluation, Job
from seplace.seeds import derive_seed
from seplace.study.config import StudyConfig
from seplace.study.recipe import Recipe
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import device_name, resolve_device
from seplace.training.fit import CurvePoint, train
from seplace.training.score import Score, measure_score
from seplace.user_code import user_errors_if

_GATE_OF_0_1 = re.compile(r"(?P<block>stages\.(?P<stage>\d+)\.\d+)\.(?:join|residual\.pre)\.gate\.(?P<tensor>[\w.]+)")


def make(config: StudyConfig, folder: Path, *, worker: int) -> StandAlone:
    """Return the evaluator of a worker on its device; sets torch's threads for this whole process."""
    torch.set_num_threads(config.run.threads)
    return StandAlone(config, folder, device=resolve_device(config.run.accelerator, worker))


class StandAlone:
    """Builds, trains and scores networks of one study on one device; the data set is read once.

    The trained weights are kept in `folder/weights`, an unfinished training in `folder/checkpoints`.
    """

    def __init__(self, config: StudyConfig, folder: Path, *, device: str) -> None:
        self.config = config
        self.folder = folder
        self.device = torch.device(device)
        self._new: dict[str, frozenset[str]] = {}
        if config.training.precision == "bf16" and self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise DeviceUnavailable(f"{torch.cuda.get_device_name(self.device)} has no bf16: use precision fp32")

    @cached_property
    def images(self) -> ImageSet:
        """The study's data; DataError where it does not fit the recipe."""
        data = self.config.data
        with self._told_of_data():
            images = load_image_set(
                data.name,
                root=self.config.data_root,
                image_size=data.image_size,
                train_images=data.train_images,
                validation_images=data.validation_images,
                noise=data.noise,
                seed=data.seed,
                skip_damaged=data.skip_damaged,
            )
        for backbone in self.config.search_space.backbones.values():
            if images.image_size < backbone.min_image_size:
                raise DataError(
                    f"{data.name}: images of {images.image_size} pixels are too small for the strides of "
                    f"{backbone.text}, which needs {backbone.min_image_size}"
                )
        if len(images.train.labels) < self.config.training.batch_size:
            raise DataError(
                f"{data.name}: a batch of {self.config.training.batch_size} is larger than the "
                f"{len(images.train.labels)} training images"
            )
        return images

    def describe_images(self) -> dict[str, Any]:
        """Return what a trained network needs to know of its data, as plain JSON types.

        All splits are looked at, the test split too, so that what is wrong with one is known before any training.
        DataError names all of it.
        """
        with self._told_of_data():
            look = look_at_study(self.config, whole=self.config.data.skip_damaged)
            try:
                images = self.images
                if "test" in look.uses:
                    images.test()
            except DamagedImages:
                look_at_study(self.config, whole=True)  # names those of all splits
                raise
        return {
            "classes": list(images.classes),
            "channels": images.channels,
            "image_size": images.image_size,
            "mean": list(images.mean),
            "std": list(images.std),
            "training_images": len(images.train),
            "validation_images": len(images.validation),
            **look.to_record(),
        }

    def cost_table(self) -> CostTable:
        """Count every choice of the space and of the baselines."""
        return count_costs(self)

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Time placements, one image a pass, interleaved with the plain backbone; by the text of the placement."""
        return time_placements(self, placements)

    def build(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build the untrained network of a placement for the study's data."""
        space = self.config.search_space
        return build(
            space.backbone_of(placement),
            placement,
            gate=space.gate,
            num_classes=len(self.images.classes),
            in_channels=self.images.channels,
            seed=seed,
        )

    def _trainable(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build a network with the backbone frozen where the recipe says so."""
        network = self.build(placement, seed=seed)
        if self.config.training.freeze == "backbone":
            freeze_backbone(network, new=self._new_modules(placement.variant))
        return network

    def _new_modules(self, variant: str) -> frozenset[str]:
        """Return the paths of the modules of a backbone that learn although it is frozen; see `new_modules`."""
        backbone = self.config.search_space.backbones[variant]
        if variant not in self._new:
            found = new_modules(backbone, len(self.images.classes), self.images.channels) if backbone.is_own else None
            self._new[variant] = found or frozenset()
        return self._new[variant]

    def startable(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build the network that a training starts from, on this device."""
        return self._placed(self._trainable(placement, seed=seed))

    def training_batches(self, *, seed: int) -> BatchLoader:
        """Return the training split in the order, and with the augmentation, that a training on `seed` sees."""
        return self._training_batches(seed)

    def fit(self, network: nn.Module, *, recipe: Recipe, seed: int) -> tuple[nn.Module, list[CurvePoint]]:
        """Train any network on the study's data by another recipe, as `seplace.training.fit.train` does."""
        return train(
            network,
            recipe=recipe,
            batches=self._training_batches(seed),
            validation=self.validation_batches,
            device=self.device,
            checkpoint=None,
            on_epoch=lambda _epoch: None,
        )

    def score(self, network: nn.Module) -> Score:
        """Score a network on the validation split."""
        return measure_score(network, self.validation_batches, precision=self.config.training.precision)

    def untrained(self, placement: Placement) -> nn.Module:
        """Build a network on this device in eval mode, to be timed."""
        return self._placed(self.build(placement, seed=0)).eval()

    @property
    def example(self) -> torch.Tensor:
        """One blank image of the study's data, shape (1, C, H, W), on this device."""
        side = self.images.image_size
        return torch.zeros(1, self.images.channels, side, side, device=self.device)

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training from timed short ones, set-up and scores included."""
        with self._told(placement, f"{placement}, seed 0, cannot be trained"):
            return estimate_training(self, placement)

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Train one placement on one seed; a training that fails by itself is an evaluation too.

        A job of fewer epochs than the recipe's is its training read early: what it leaves is a checkpoint, from which a
        longer job goes on, and no weights.
        """
        start = time.perf_counter()
        recipe = self.config.training
        whole = replace(job, epochs=recipe.epochs)
        checkpoint = Checkpoint(path=_checkpoint_path(self.folder / "checkpoints", whole))
        without_result = Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="failed",
            device=device_name(self.device),
            threads=torch.get_num_threads(),
            versions=versions(),
        )
        try:
            with self._told(job.placement, "code of your own failed"):
                network, curve = train(
                    self._trainable(job.placement, seed=job.seed),
                    recipe=recipe,
                    batches=self._training_batches(job.seed),
                    validation=self.validation_batches,
                    device=self.device,
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
            accuracy=curve[-1].accuracy,
            cross_entropy=curve[-1].cross_entropy,
            curve=tuple(point.to_record() for point in curve),
        )
        if job != whole:
            return replace(result, seconds=time.perf_counter() - start)
        file_name = f"{job.file_name}.safetensors"
        weights = weights_of(network)
        write_atomically(self.folder / "weights" / file_name, weights)
        return replace(
            result,
            seconds=time.perf_counter() - start,
            weights=file_name,
            weights_sha256=sha256_of(weights),
        )

    def test(self, evaluation: Evaluation) -> Score:
        """Score the trained network of an evaluation on the test split."""
        batches = self._test_batches
        with self._told(evaluation.placement, f"{evaluation.placement}, seed {evaluation.seed}, cannot be tested"):
            return measure_score(self.trained(evaluation), batches, precision=self.config.training.precision)

    def _told(self, placement: Placement, what: str) -> AbstractContextManager[None]:
        """Tell errors of the user's own network or gates as theirs."""
        return user_errors_if(holds_own_code(self.config.search_space.backbone_of(placement), placement), what)

    def _told_of_data(self) -> AbstractContextManager[None]:
        """Tell errors of the user's own data set as theirs."""
        name = self.config.data.name
        return user_errors_if(is_import_path(name), f"data set {name} cannot be read")

    def trained(self, evaluation: Evaluation) -> nn.Module:
        """Return the network of an evaluation with its trained weights, on this device, in eval mode."""
        network = self.build(evaluation.placement, seed=evaluation.seed)
        network.load_state_dict(read_weights(self.folder, evaluation))
        return self._placed(network).eval()

    def _placed(self, network: nn.Module) -> nn.Module:
        placed: nn.Module = network.to(device=self.device, memory_format=self._memory_format)  # type: ignore[call-overload]
        return placed

    @property
    def _memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.config.training.channels_last else torch.contiguous_format

    def _training_batches(self, seed: int) -> BatchLoader:
        recipe = self.config.training
        augmentation = Augmentation(crop_padding=recipe.crop_padding, flip=recipe.flip, cutout=recipe.cutout)
        return self._batches(self.images.train, augmentation=augmentation, shuffle_seed=derive_seed(seed, "data"))

    @cached_property
    def validation_batches(self) -> BatchLoader:
        """The validation split, in order."""
        return self._batches(self.images.validation, augmentation=None, shuffle_seed=None)

    @cached_property
    def _test_batches(self) -> BatchLoader:
        with self._told_of_data():
            split = self.images.test()
        return self._batches(split, augmentation=None, shuffle_seed=None)

    def _batches(self, split: Split, *, augmentation: Augmentation | None, shuffle_seed: int | None) -> BatchLoader:
        recipe = self.config.training
        return BatchLoader(
            split,
            batch_size=recipe.batch_size if shuffle_seed is not None else max(recipe.batch_size, 256),
            mean=self.images.mean,
            std=self.images.std,
            device=self.device,
            augmentation=augmentation,
            shuffle_seed=shuffle_seed,
            memory_format=self._memory_format,
        )


def _checkpoint_path(folder: Path, job: Job) -> Path:
    """Return the path of a job's checkpoint; one that an earlier version has left is given today's name."""
    path = folder / f"{job.file_name}.ckpt"
    for name in job.former_file_names:
        earlier = path.with_name(f"{name}.ckpt")
        with contextlib.suppress(OSError):  # most have none, and a name may be too long for there ever to have been one
            if earlier != path and not path.exists():
                earlier.replace(path)
    return path


def weights_of(network: nn.Module) -> bytes:
    """Return the state of a network in the safetensors format; a tensor of several names is there under each.

    InputError where the state holds what is no tensor.
    """
    tensors = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{type(network).__name__}: its state holds {name}, a {type(value).__name__}; only tensors can be kept"
            )
        # A copy each: the format takes no two tensors that share memory, as tied weights and views do.
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return save_safetensors(tensors)


def read_weights(folder: Path, evaluation: Evaluation) -> dict[str, torch.Tensor]:
    """Read the trained weights of an evaluation; CorruptResults where they are missing or were changed."""
    if evaluation.weights is None:
        raise CorruptResults(f"{evaluation.placement}, seed {evaluation.seed}: no weights were kept")
    path = folder / "weights" / evaluation.weights
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingWeights(f"{path}: the trained weights are not there") from error
    if sha256_of(data) != evaluation.weights_sha256:
        raise CorruptResults(f"{path}: the trained weights are not those that were written (SHA-256 differs)")
    return {_today(name, evaluation.placement): tensor for name, tensor in load_safetensors(data).items()}


def _today(name: str, placement: Placement) -> str:
    """Return the name of a tensor that version 0.1 called otherwise: its gates stood elsewhere in a block."""
    match = _GATE_OF_0_1.fullmatch(name)
    if match is None:
        return name
    slots = {"serial": "residual", "pre": "residual", "parallel": "shortcut"}
    slot = slots.get(placement.choices[int(match["stage"])].attachment)
    return name if slot is None else f"{match['block']}.{slot}.attention.gate.{match['tensor']}"
