"""Images of 32x32 pixels in ten classes, generated where CIFAR-10 is not at hand; they can be learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seplace.datasets.raw_set import ArrayImages, RawSet

TRAIN, TEST = 12_000, 2_000
_CLASSES = 10


def generated(root: Path | None) -> RawSet:
    """Return blurred patterns, one a class, under strong noise."""
    assert root is None
    return RawSet(
        classes=tuple(f"pattern {number}" for number in range(_CLASSES)),
        train=_images(TRAIN, seed=1),
        test=lambda: _images(TEST, seed=2),
    )


def _images(count: int, *, seed: int) -> ArrayImages:
    coarse = np.random.default_rng(0).normal(size=(_CLASSES, 3, 8, 8))
    patterns = coarse.repeat(4, axis=2).repeat(4, axis=3).astype(np.float32)
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % _CLASSES
    noise = random.standard_normal((count, 3, 32, 32), dtype=np.float32)
    pixels = np.clip(128 + 12 * patterns[labels] + 48 * noise, 0, 255).astype(np.uint8)
    return ArrayImages(pixels=pixels, labels=labels, place="generated")
