"""The handwritten digits that come with scikit-learn: 1797 grey images of 8x8 pixels, ten classes.

The source is the test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998), published without a split of its own; the one here, 1437 for training and 360 for testing, is a fixed
shuffle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import InputError

TRAINING_IMAGES = 1437
_SHUFFLE_SEED = 0


def digits(root: Path | None) -> RawSet:
    """Load the set; it needs no root, and one that is given is refused (InputError)."""
    if root is not None:
        raise InputError(f"data set digits: it comes with scikit-learn and takes no root (got {root})")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(_SHUFFLE_SEED).permutation(len(bunch.target))
    # Grey levels are 0 to 16.
    pixels = np.rint(bunch.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target[order].astype(np.int64)
    train, test = (
        ArrayImages(pixels[part], labels[part]) for part in (slice(TRAINING_IMAGES), slice(TRAINING_IMAGES, None))
    )
    return RawSet(classes=tuple(map(str, range(10))), train=train, test=lambda: test)
