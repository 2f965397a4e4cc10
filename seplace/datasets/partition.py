"""Partition of the published training split into training and validation images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.raw_set import RawSet
from seplace.errors import DataError, InputError
from seplace.seeds import derive_seed


def check_classes(labels: NDArray[np.int64], classes: tuple[str, ...], *, what: str) -> None:
    """Raise DataError where a class has no image, or a label no class; the message begins with `what`."""
    counts = np.bincount(labels, minlength=len(classes))
    if len(counts) > len(classes):
        raise DataError(f"{what} has labels up to {len(counts) - 1}, but there are {len(classes)} classes")
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise DataError(
            f"{what} has images of {len(classes) - len(empty)} of the {len(classes)} classes; without any: "
            f"{', '.join(classes[label] for label in empty[:5])}{', …' if len(empty) > 5 else ''}"
        )


def split_rows(
    raw: RawSet,
    rows: NDArray[np.int64],
    *,
    name: str,
    train_images: int | None,
    validation_images: int | None,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training and the validation images among the `rows` of the training split, each in ascending order.

    Raises InputError where there are too few, and DataError where a class has none.
    """
    labels, held_out = raw.train.labels, validation_images or 0
    check_classes(labels[rows], raw.classes, what=f"data set {name}: the training split")
    if held_out >= len(rows):
        raise InputError(f"data set {name}: {held_out} validation images asked for, its training split has {len(rows)}")
    validation, train = _stratified(rows, labels, held_out, seed=derive_seed(seed, "validation"))
    if train_images is not None:
        if train_images > len(train):
            raise InputError(
                f"data set {name}: {train_images} training images asked for, {len(train)} are left of "
                f"{len(rows)} beside {held_out} for validation"
            )
        train, _ = _stratified(train, labels, train_images, seed=derive_seed(seed, "train_images"))
    empty = np.flatnonzero(np.bincount(labels[train], minlength=len(raw.classes)) == 0)
    if len(empty):
        raise InputError(
            f"data set {name}: {len(train)} training images beside {held_out} for validation leave none "
            f"for class {raw.classes[empty[0]]!r}"
        )
    return train, validation


def _stratified(
    rows: NDArray[np.int64], labels: NDArray[np.int64], count: int, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `count` of `rows` and the others, each class in proportion to within one image.

    In a random order, the k-th image of a class of n has the position (k - 1/2) / n. The images at the first `count`
    positions are taken, which is Sainte-Laguë's apportionment; a larger count takes the same images and more.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    place = np.empty(len(shuffled))
    for label in np.unique(labels[rows]):
        of_class = np.flatnonzero(labels[shuffled] == label)
        place[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    order = shuffled[np.argsort(place, kind="stable")]
    return np.sort(order[:count]), np.sort(order[count:])
