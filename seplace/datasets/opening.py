"""Opening a data set by name or import path; the user's own are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from seplace.datasets import DATASETS
from seplace.datasets.raw_set import ArrayImages, Images, RawSet
from seplace.errors import UserCodeError
from seplace.user_code import user_errors


def open_raw_set(name: str, root: Path | None) -> RawSet:
    """Open an entry of the shelf or the user's own; raises UserCodeError where the latter fails or is not a RawSet."""
    load: Callable[[Path | None], RawSet] = DATASETS[name]
    if not DATASETS.is_external(name):
        return load(root)
    with user_errors(f"data set {name} cannot be loaded"):
        raw = load(root)
    if not isinstance(raw, RawSet):
        raise UserCodeError(
            f"data set {name} returns a {type(raw).__name__}, wanted: a seplace.datasets.raw_set.RawSet"
        )
    if not raw.classes or not all(isinstance(each, str) for each in raw.classes):
        raise UserCodeError(f"data set {name} names no classes (got {raw.classes!r})")
    return replace(
        raw,
        train=_sound(name, "training", raw.train),
        test=_opener(name, "test", raw.test),
        validation=_opener(name, "validation", raw.validation),
    )


def _opener(name: str, split: str, opened: Callable[[], Images] | None) -> Callable[[], Images] | None:
    if opened is None:
        return None

    def open_split() -> Images:
        with user_errors(f"data set {name}: its {split} split cannot be opened"):
            images = opened()
        return _sound(name, split, images)

    return open_split


def _sound(name: str, split: str, images: Images) -> Images:
    """Return the images of a split; raises UserCodeError where labels or pixels have a wrong type or shape."""
    labels = getattr(images, "labels", None)
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64:
        raise UserCodeError(f"data set {name}: the labels of its {split} split are {_kind(labels)}, wanted: int64 (N,)")
    if labels.size and labels.min() < 0:
        raise UserCodeError(f"data set {name}: its {split} split has the negative label {labels.min()}")
    if not isinstance(images, ArrayImages):
        return images
    pixels = images.pixels
    is_image = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 4
    if not is_image or pixels.shape[1] not in (1, 3) or len(pixels) != len(labels):
        raise UserCodeError(
            f"data set {name}: the images of its {split} split are {_kind(pixels)}, wanted: uint8 (N, C, H, W) with "
            f"C 1 or 3 and N {len(labels)}"
        )
    return images


def _kind(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
