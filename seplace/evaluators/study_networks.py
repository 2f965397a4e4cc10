"""The networks and the data of a study on one device, as trainings, costs and proxies need them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from seplace.datasets import DATASETS
from seplace.datasets.image_set import MEMORY_LIMIT, ImageSet, Split, load_image_set
from seplace.datasets.loader import Augmentation, BatchLoader
from seplace.datasets.randaugment import need_kornia
from seplace.errors import DamagedImages, DataError
from seplace.evaluators.data_look import look_at_study
from seplace.evaluators.new_parts import new_modules
from seplace.freezing import freeze_backbone
from seplace.machine import available_bytes
from seplace.models import build, holds_own_code
from seplace.placement import Placement
from seplace.seeds import derive_seed
from seplace.study.config import StudyConfig
from seplace.study.recipe import Recipe
from seplace.training.devices import free_memory, require_precision
from seplace.training.fit import CurvePoint, train
from seplace.training.score import Score, measure_score
from seplace.user_code import user_errors_if

_SHARE_OF_MEMORY = 0.25
"""Of the free memory for the pixels of a study, beside which trainings have copies of them."""


class StudyNetworks:
    """Builds and scores networks of one study on one device; the data set is read once."""

    def __init__(self, config: StudyConfig, *, device: str) -> None:
        """Raise DeviceUnavailable or MissingPackage where a precision or a package of the recipe is not here."""
        self.config = config
        self.device = torch.device(device)
        self._new: dict[str, frozenset[str]] = {}
        require_precision(config.recipe.precision, self.device)
        if config.recipe.randaugment is not None:
            need_kornia()

    @cached_property
    def images(self) -> ImageSet:
        """The study's data. Raises DataError where they do not fit the recipe."""
        data = self.config.data
        with self._errors_of_data():
            images = load_image_set(
                data.name,
                root=self.config.data_root,
                image_size=data.image_size,
                train_images=data.train_images,
                validation_images=data.validation_images,
                noise=data.noise,
                seed=data.seed,
                skip_damaged=data.skip_damaged,
                in_memory=data.in_memory,
                memory_limit=self._room_for_images(),
                crops_files=self.config.recipe.random_resized_crop is not None,
            )
        for backbone in self.config.search_space.backbones.values():
            if images.image_size < backbone.min_image_size:
                raise DataError(
                    f"{data.name}: images of {images.image_size} pixels are too small for the strides of "
                    f"{backbone.text}, which needs {backbone.min_image_size}"
                )
        if len(images.train.labels) < self.config.recipe.batch_size:
            raise DataError(
                f"{data.name}: a batch of {self.config.recipe.batch_size} is larger than the "
                f"{len(images.train.labels)} training images"
            )
        return images

    def _room_for_images(self) -> int:
        """Return the bytes that pixels may take in memory: of the machine, and of the GPU that they are copied to."""
        free = [each for each in (available_bytes(), free_memory(self.device)) if each is not None]
        workers = self.config.run.workers
        share = _SHARE_OF_MEMORY / (1 if workers == "auto" else workers)
        return int(share * min(free)) if free else MEMORY_LIMIT

    def use_images(self, images: ImageSet) -> None:
        """Use images that were read elsewhere instead of reading the study's data."""
        vars(self)["images"] = images

    def describe_images(self) -> dict[str, Any]:
        """Return what a trained network needs to know of its data, as plain JSON types.

        All splits are examined, the test split too, so that faults are known before any training. Raises DataError,
        which names all of them.
        """
        with self._errors_of_data():
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
            "resampling": images.resampling,
            "training_images": len(images.train),
            "validation_images": len(images.validation),
            **(record := look.to_record()),
            "notes": [*record["notes"], *self._notes_on_memory()],
        }

    def _notes_on_memory(self) -> list[str]:
        """Return the sentence that says that images are not held in memory."""
        images = self.images
        if isinstance(images.train.images, np.ndarray):
            return []
        side, count = images.image_size, len(images.train) + len(images.validation)
        size = count * images.channels * side**2
        shown = f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
        return [
            f"images are decoded anew in each epoch, ahead of the training; in memory they would take {shown} "
            "(data: in_memory)"
        ]

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

    def trainable(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build a network with the backbone frozen where the recipe says so."""
        network = self.build(placement, seed=seed)
        if self.config.recipe.freeze == "backbone":
            freeze_backbone(network, new=self._new_modules(placement.variant))
        return network

    def _new_modules(self, variant: str) -> frozenset[str]:
        """Return the paths of the modules that learn in a frozen backbone; see `new_modules`."""
        backbone = self.config.search_space.backbones[variant]
        if variant not in self._new:
            found = new_modules(backbone, len(self.images.classes), self.images.channels) if backbone.is_own else None
            self._new[variant] = found or frozenset()
        return self._new[variant]

    def startable(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build the network that a training starts from, on this device."""
        return self.place(self.trainable(placement, seed=seed))

    def training_batches(self, *, seed: int, mixes: bool = True) -> BatchLoader:
        """Return the training images in the order, and with the augmentation, that a training on `seed` sees.

        Without `mixes` each image stays by itself, and has one class.
        """
        recipe = self.config.recipe
        augmentation = Augmentation(
            crop_padding=recipe.crop_padding,
            flip=recipe.flip,
            cutout=recipe.cutout,
            random_resized_crop=recipe.random_resized_crop,
            randaugment=recipe.randaugment,
            mixup=recipe.mixup if mixes else None,
            cutmix=recipe.cutmix if mixes else None,
        )
        return self._batches(self._training_split, augmentation=augmentation, shuffle_seed=derive_seed(seed, "data"))

    @cached_property
    def _training_split(self) -> Split:
        images = self.images
        return images.train if self.config.trained_on == "train" else images.train + images.validation

    def fit(self, network: nn.Module, *, recipe: Recipe, seed: int) -> tuple[nn.Module, list[CurvePoint]]:
        """Train any network on the study's data by a recipe of its own; see `seplace.training.fit.train`."""
        with self.training_batches(seed=seed) as batches:
            return train(
                network,
                recipe=recipe,
                batches=batches,
                validation=self.validation_batches,
                device=self.device,
                checkpoint=None,
                on_epoch=lambda _epoch: None,
            )

    def score(self, network: nn.Module) -> Score:
        """Score a network on the validation split."""
        return measure_score(network, self.validation_batches, precision=self.config.recipe.precision)

    @property
    def num_classes(self) -> int:
        """The number of logits of a network."""
        return len(self.images.classes)

    def costed(self, network: nn.Module) -> tuple[nn.Module, str]:
        """Return what is costed: the network itself."""
        return network, ""

    def untrained(self, placement: Placement) -> nn.Module:
        """Build a network on this device in eval mode, to be timed."""
        return self.place(self.build(placement, seed=0)).eval()

    @property
    def example(self) -> torch.Tensor:
        """One blank image of the study's data, shape (1, C, H, W), on this device."""
        side = self.images.image_size
        return torch.zeros(1, self.images.channels, side, side, device=self.device)

    def user_errors_in(self, placement: Placement, what: str) -> AbstractContextManager[None]:
        """Raise UserCodeError, with `what` failed in front, for errors in the user's own network or gates."""
        return user_errors_if(holds_own_code(self.config.search_space.backbone_of(placement), placement), what)

    def _errors_of_data(self) -> AbstractContextManager[None]:
        """Raise UserCodeError for errors in the user's own data set."""
        name = self.config.data.name
        return user_errors_if(DATASETS.is_external(name), f"data set {name} cannot be read")

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to this device, in the memory layout of the recipe."""
        placed: nn.Module = network.to(device=self.device, memory_format=self._memory_format)  # type: ignore[call-overload]
        return placed

    @property
    def _memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.config.recipe.channels_last else torch.contiguous_format

    @cached_property
    def validation_batches(self) -> BatchLoader:
        """The validation split, in order."""
        return self._batches(self.images.validation, augmentation=None, shuffle_seed=None)

    @cached_property
    def test_batches(self) -> BatchLoader:
        """The test split, in order."""
        with self._errors_of_data():
            split = self.images.test()
        return self._batches(split, augmentation=None, shuffle_seed=None)

    def _batches(self, split: Split, *, augmentation: Augmentation | None, shuffle_seed: int | None) -> BatchLoader:
        recipe = self.config.recipe
        return BatchLoader(
            split,
            batch_size=recipe.batch_size if shuffle_seed is not None else max(recipe.batch_size, 256),
            mean=self.images.mean,
            std=self.images.std,
            device=self.device,
            augmentation=augmentation,
            shuffle_seed=shuffle_seed,
            memory_format=self._memory_format,
            classes=len(self.images.classes),
        )
