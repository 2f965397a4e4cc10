"""Trainings whose gains are known on fresh images: `python -m tests.benchmarks.coverage train FOLDER`.

Each data set has 800 training images, 2,000 validation images and 10,000 fresh test images, all of one pool without
order. Three kinds take turns, 8 data sets each:

- `switched`, `plain`: the images of `switched_tiles` and `plain_tiles` without the gray between marks and tiles, 16x16
  pixels, with pixel noise, more or less of it by the number of the data set. A network may see marks and tiles at once
  here, so it is not known beforehand what attention adds.
- `cifar`: four classes of CIFAR-10 (an image-parquet folder) at 16x16 pixels, other ones in each data set.

Eight placements are trained on 12 or more paired seeds by ResNet-8 of width 0.25: 0 to 3 are those that a user has
trained, the others are the truth. A file is written when the placements of a seed are done, and what is there is not
trained again: several processes may be started one after the other, the second one with `--backward`.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from seplace.arrays import Floats
from seplace.datasets import tiles
from seplace.datasets.image_set import Split, load_image_set
from seplace.datasets.loader import BatchLoader
from seplace.datasets.pixel_noise import PixelNoise
from seplace.files.atomic import write_atomically
from seplace.models import build
from seplace.placement import Placement
from seplace.seeds import derive_seed
from seplace.space import SearchSpace
from seplace.study.recipe import Recipe
from seplace.training.fit import train

KINDS = ("switched", "plain", "cifar")
NUMBERS = range(8)
TRAINED = range(4)
"""The seeds that a user has; all others are the truth."""
SEEDS = 12
TRAINING_IMAGES, VALIDATION_IMAGES, TEST_IMAGES = 800, 2_000, 10_000

SPACE = SearchSpace.from_choices(
    "cifar_resnet8[width=0.25]", ["none", "se2", "eca", "cbam2"], init="identity", name="coverage"
)
PLAIN = Placement.parse("none-none-none")
PLACEMENTS = [
    PLAIN,
    *map(
        Placement.parse,
        (
            "none-none-eca",
            "none-none-se2",
            "none-none-cbam2",
            "none-se2-none",
            "none-eca-se2",
            "eca-eca-eca",
            "se2-se2-se2",
        ),
    ),
]
SIDE = 16
_RECIPE = Recipe(
    epochs=2,
    batch_size=16,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="one_cycle",
    warmup_epochs=0.5,
)
_TILE_NOISE = (0.1, 0.05, 0.12, 0.08)
"""Standard deviations in units of the full range, which data sets have in turn."""
_ROUNDS = 1_600
"""Twice as many tile images as are used, so that a data set is a sample of them and not of each sort equally many."""
_ROWS = np.r_[6:14, 18:26]
_COLUMNS = np.r_[0:8, 24:32]
_CLASSES_OF_CIFAR = 4


@dataclass(frozen=True, eq=False)
class FreshSet:
    """A data set whose test split is a sample of the same images as its validation split."""

    classes: int
    train: Split
    validation: Split
    test: Split

    def batches(self, split: Split, *, batch_size: int, shuffle_seed: int | None = None) -> BatchLoader:
        """Return a split normalized by the statistics of the training split."""
        pixels = self.train.batch(np.arange(len(self.train))) / 255
        return BatchLoader(
            split,
            batch_size=batch_size,
            mean=pixels.mean(axis=(0, 2, 3)).tolist(),
            std=pixels.std(axis=(0, 2, 3)).tolist(),
            device=torch.device("cpu"),
            augmentation=None,
            shuffle_seed=shuffle_seed,
            memory_format=torch.contiguous_format,
        )


def fresh_set(kind: str, number: int, cifar: Path | None) -> FreshSet:
    """Return a data set, always the same one; `cifar` is the folder of CIFAR-10."""
    random = np.random.default_rng(derive_seed(number, "coverage", kind))
    if kind == "cifar":
        assert cifar is not None, "name the folder of CIFAR-10"
        pixels, labels = _four_classes(random, *_cifar(cifar))
    else:
        pixels, labels = _tiles(kind, number)
    order = random.permutation(len(labels))
    starts = np.cumsum([TRAINING_IMAGES, VALIDATION_IMAGES, TEST_IMAGES])
    splits = [Split(pixels[rows], labels[rows]) for rows in np.split(order, starts)[:3]]
    return FreshSet(int(labels.max()) + 1, *splits)


def _tiles(kind: str, number: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    drawn = tiles.draw_tiles(f"{kind}_tiles", rounds=_ROUNDS, seed=1_000 + number)
    noise = PixelNoise(_TILE_NOISE[number % len(_TILE_NOISE)], key=number)
    pixels = np.ascontiguousarray(drawn.pixels[:, :, _ROWS][..., _COLUMNS])
    return noise.added(pixels, np.arange(len(pixels))), drawn.labels


@cache
def _cifar(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = load_image_set(
        "image_parquet", root=folder, image_size=SIDE, train_images=None, validation_images=5_000, noise=0.0, seed=0
    )
    splits = (images.train, images.validation, images.test())
    pixels = np.concatenate([split.batch(np.arange(len(split))) for split in splits])
    return pixels, np.concatenate([split.labels for split in splits])


def _four_classes(
    random: np.random.Generator, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    classes = np.sort(random.choice(10, size=_CLASSES_OF_CIFAR, replace=False))
    rows = np.flatnonzero(np.isin(labels, classes))
    return pixels[rows], np.searchsorted(classes, labels[rows])


def score(network: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> tuple[NDArray[np.bool_], Floats]:
    """Return for each image whether it is classified right, and its cross-entropy in nats."""
    with torch.inference_mode():
        scored = [(network(images), labels) for images, labels in batches]
    right = torch.cat([logits.argmax(1) == labels for logits, labels in scored])
    losses = torch.cat([F.cross_entropy(logits, labels, reduction="none") for logits, labels in scored])
    return right.numpy(), losses.double().numpy()


def train_seed(images: FreshSet, *, seed: int) -> dict[str, NDArray[Any]]:
    """Train all placements on one seed, as a study does; return what is kept, one row a placement."""
    splits = {"validation": images.batches(images.validation, batch_size=500)}
    if seed not in TRAINED:
        splits["test"] = images.batches(images.test, batch_size=500)
    kept: dict[str, list[object]] = {name: [] for name in (*splits, "cross_entropy", "seconds")}
    for placement in PLACEMENTS:
        start = time.perf_counter()
        network = build(
            SPACE.backbone, placement, gate=SPACE.gate, num_classes=images.classes, in_channels=3, seed=seed
        )
        batches = images.batches(images.train, batch_size=_RECIPE.batch_size, shuffle_seed=derive_seed(seed, "data"))
        trained, _ = train(
            network,
            recipe=_RECIPE,
            batches=batches,
            validation=[],
            device=torch.device("cpu"),
            checkpoint=None,
            on_epoch=lambda _epoch: None,
            scored=(),
        )
        kept["seconds"].append(time.perf_counter() - start)
        for name, split in splits.items():
            right, losses = score(trained, split)
            kept[name].append(np.packbits(right))
            if name == "validation":
                kept["cross_entropy"].append(losses.mean())
    return {name: np.array(rows) for name, rows in kept.items()}


def make_trainings(folder: Path, *, kinds: Sequence[str], seeds: int, cifar: Path | None, backward: bool) -> None:
    """Train whatever is not yet in the folder, data set after data set; prints a line for each seed."""
    torch.set_num_threads(1)
    wanted = [(kind, number) for number in NUMBERS for kind in kinds]
    placements = np.array([str(placement) for placement in PLACEMENTS])
    step = -1 if backward else 1
    for kind, number in wanted[::step]:
        paths = {seed: path_of(folder, kind, number, seed) for seed in range(seeds)[::step]}
        if all(path.exists() for path in paths.values()):
            continue
        images = fresh_set(kind, number, cifar)
        for seed, path in paths.items():
            if path.exists():
                continue
            kept = train_seed(images, seed=seed)
            content = io.BytesIO()
            np.savez_compressed(content, placement=placements, **kept)
            write_atomically(path, content.getvalue())
            accuracies = 100 * np.unpackbits(kept["validation"], axis=1).mean(axis=1)
            print(path, kept["seconds"].sum().round(1), "s", accuracies.round(1).tolist(), flush=True)


def path_of(folder: Path, kind: str, number: int, seed: int) -> Path:
    """Return the file of a data set's trainings on a seed."""
    return folder / f"{kind}-{number}" / f"seed-{seed:02}.npz"
