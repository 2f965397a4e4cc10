"""The handwritten digits that come with scikit-learn: 1797 gray images of 8x8 pixels, ten classes.

The source is the test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998), which has no split. Here a fixed shuffle takes 1437 images for training and 360 for testing.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import InputError

TRAINING_IMAGES = 1437
_SHUFFLE_SEED = 0


def digits(root: Path | None) -> RawSet:
    """Load the set; raises InputError where a root is given, since it needs none."""
    if root is not None:
        raise InputError(f"data set digits: it comes with scikit-learn and takes no root (got {root})")
    levels, targets = _levels_and_targets()
    order = np.random.default_rng(_SHUFFLE_SEED).permutation(len(targets))
    # Gray levels are 0 to 16.
    pixels = np.rint(levels[order] * (255 / 16)).astype(np.uint8)[:, None]
    labels = targets[order].astype(np.int64)
    train, test = (
        ArrayImages(pixels[part], labels[part]) for part in (slice(TRAINING_IMAGES), slice(TRAINING_IMAGES, None))
    )
    return RawSet(classes=tuple(map(str, range(10))), train=train, test=lambda: test)


@functools.cache
def _levels_and_targets() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # reads them from a compressed text: 30 ms

    bunch = load_digits()
    return bunch.images, bunch.target
