"""What every data set must do; one that reads files is checked on a folder that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.image_set import ImageSet, Split, load_image_set
from seplace.testing.expectations import expect

_HELD_OUT = 10


def load(name: str, root: Path | None, **changes: Any) -> ImageSet:
    """Load a data set with ten images held out."""
    values: dict[str, Any] = {"image_size": None, "train_images": None, "validation_images": _HELD_OUT}
    return load_image_set(name, root=root, **(values | {"noise": 0.0, "seed": 1} | changes))


def pixels_of(split: Split) -> NDArray[np.uint8]:
    """Return all images of a split, (N, C, H, W)."""
    images = split.images
    return images if isinstance(images, np.ndarray) else images.batch(np.arange(len(split)))


def has_splits_as_described(name: str, root: Path | None) -> None:
    """Check the shapes, types and ranges of all splits, that they hold all classes, and mean and deviation."""
    images = load(name, root)
    for split in (images.train, images.validation, images.test()):
        shape = (len(split), images.channels, images.image_size, images.image_size)
        pixels = pixels_of(split)
        is_right = pixels.dtype == np.uint8 and pixels.shape == shape
        expect(is_right, f"{name}: images of {pixels.dtype} {pixels.shape}, wanted: uint8 {shape}")
        is_right = split.labels.dtype == np.int64 and split.labels.shape == (len(split),)
        expect(is_right, f"{name}: labels of {split.labels.dtype} {split.labels.shape}, wanted: int64 ({len(split)},)")
        is_right = 0 <= split.labels.min() <= split.labels.max() < len(images.classes)
        expect(is_right, f"{name}: labels are from 0 to {len(images.classes) - 1}")
        expect(pixels.max() > 128, f"{name}: no pixel is above 128; are the images in 0 … 255?")
    every = set(range(len(images.classes)))
    expect(set(images.train.labels.tolist()) == every, f"{name}: the training split lacks a class")
    expect(set(images.test().labels.tolist()) == every, f"{name}: the test split lacks a class")
    expect(len(images.validation) == _HELD_OUT, f"{name}: {len(images.validation)} images are held out")
    expect(len(set(images.classes)) == len(images.classes), f"{name}: two classes have one name")
    scaled = pixels_of(images.train).astype(np.float64) / 255
    for what, found, wanted in (
        ("mean", images.mean, scaled.mean(axis=(0, 2, 3))),
        ("deviation", images.std, scaled.std(axis=(0, 2, 3))),
    ):
        expect(np.allclose(np.array(found), wanted, rtol=1e-6), f"{name}: its {what} is {found}, wanted: {wanted}")


def depends_on_the_seed_alone(name: str, root: Path | None) -> None:
    """Check that one seed gives one set, and another seed another."""
    first, again, other = (load(name, root, seed=seed, noise=0.1) for seed in (1, 1, 2))
    for part in ("train", "validation"):
        one, two = getattr(first, part), getattr(again, part)
        is_same = np.array_equal(pixels_of(one), pixels_of(two)) and np.array_equal(one.labels, two.labels)
        expect(is_same, f"{name}: one seed gives two {part} splits")
    tests = [pixels_of(each.test()) for each in (first, again, other)]
    expect(np.array_equal(tests[0], tests[1]), f"{name}: one seed gives two test splits")
    expect(not np.array_equal(tests[0], tests[2]), f"{name}: the noise does not depend on the seed")
    is_other = not np.array_equal(pixels_of(first.validation), pixels_of(other.validation))
    expect(is_other, f"{name}: the split does not depend on the seed")


def is_resized(name: str, root: Path | None) -> None:
    """Check that images are resized."""
    images = load(name, root, image_size=5)
    for split in (images.train, images.validation, images.test()):
        expect(pixels_of(split).shape[2:] == (5, 5), f"{name}: images are not resized to 5 pixels")


def reads_the_test_split_once(name: str, root: Path | None) -> None:
    """Check that the test split is one object, however often it is used."""
    images = load(name, root)
    expect(images.test() is images.test(), f"{name}: the test split is read twice")


CHECKS = (has_splits_as_described, depends_on_the_seed_alone, is_resized, reads_the_test_split_once)
