"""The identity of a set of images: counts by class, a digest of the list, and a digest of a sample's content.

Two identities are compared key by key. They do not depend on the machine, on the place of the data or on the time of
copying, and take well under a second for a hundred thousand images.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.image_folder import FolderImages
from seplace.datasets.raw_set import ArrayImages, EncodedImages, Images
from seplace.errors import DataError

_SAMPLED_BLOCKS = 8
_IMAGES_OF_A_BLOCK = 8
"""The images of a block are read together, so that few parts of a packed file are unpacked."""
_SAMPLED_ARRAYS = 4096
_SHOWN_CLASSES = 3


def identities_of(splits: Mapping[str, Images], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the identity of each published split, as plain JSON types.

    Its keys are `images`, `classes` (the number of images by class), `labels` (a digest of all labels in order) and
    `sample` (a digest of the content of some images). Image files also have `names` (a digest of their names below the
    split's folder) and `bytes` (of all files), arrays `shape` (C, H, W).
    """
    return {name: _identity_of(images, classes) for name, images in splits.items()}


def changes_of_splits(known: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each split whose identity has changed."""
    lines = []
    for split in dict.fromkeys([*known, *now]):
        if split not in known or split not in now:
            lines.append(f"there is {'a' if split in now else 'no'} {split} split now")
            continue
        before, after = known[split], now[split]
        if (before["images"], before["classes"]) != (after["images"], after["classes"]):
            classes = _changed_counts(before["classes"], after["classes"])
            lines.append(f"the {split} split has {after['images']:,} images, it had {before['images']:,} ({classes})")
        elif any(before[name] != after[name] for name in before.keys() & after.keys()):
            lines.append(f"the {split} split has other images than before, as many in each class")
    return lines


def _changed_counts(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Return the changed numbers of images of the first few classes as text."""
    changed = [name for name in dict.fromkeys([*before, *after]) if before.get(name, 0) != after.get(name, 0)]
    shown = [f"{name}: {after.get(name, 0):,} instead of {before.get(name, 0):,}" for name in changed[:_SHOWN_CLASSES]]
    return ", ".join([*shown, *(["…"] if len(changed) > _SHOWN_CLASSES else [])])


def _identity_of(images: Images, classes: Sequence[str]) -> dict[str, Any]:
    counts = np.bincount(images.labels, minlength=len(classes)).tolist()
    identity: dict[str, Any] = {
        "images": len(images.labels),
        "classes": dict(zip(classes, counts, strict=False)),
        "labels": hashlib.sha256(images.labels.astype("<i8").tobytes()).hexdigest(),
    }
    if isinstance(images, ArrayImages):
        rows = np.linspace(0, len(images.labels) - 1, min(len(images.labels), _SAMPLED_ARRAYS)).astype(np.int64)
        sample = hashlib.sha256(np.ascontiguousarray(images.pixels[rows]).tobytes()).hexdigest()
        return identity | {"shape": list(images.pixels.shape[1:]), "sample": sample}
    return identity | _of_files(images) | {"sample": _sample_of(images)}


def _of_files(images: EncodedImages) -> dict[str, Any]:
    """Return the keys of image files; none for other images."""
    if not isinstance(images, FolderImages):
        return {}
    digest = hashlib.sha256()
    total = 0
    for name in images.files:
        size = _size_of(f"{images.folder}/{name}")
        total += size
        digest.update(b"%s\0%d\0" % (os.fsencode(name), size))
    return {"names": digest.hexdigest(), "bytes": total}


def _size_of(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - creating a Path for each of a million files is slow
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def _sample_of(images: EncodedImages) -> str:
    """Return a digest of the bytes of some images, in evenly spaced blocks."""
    digest = hashlib.sha256()
    rows = np.array(sorted(_sampled_rows(len(images.labels))), dtype=np.int64)
    for content in images.read(rows) if len(rows) else ():
        digest.update(hashlib.sha256(content if isinstance(content, bytes) else _bytes_of(content)).digest())
    return digest.hexdigest()


def _bytes_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def _sampled_rows(count: int) -> set[int]:
    starts: NDArray[np.int64] = np.linspace(0, max(count - _IMAGES_OF_A_BLOCK, 0), _SAMPLED_BLOCKS).astype(np.int64)
    return {row for start in starts.tolist() for row in _block(start, count)}


def _block(start: int, count: int) -> Iterator[int]:
    yield from range(start, min(start + _IMAGES_OF_A_BLOCK, count))
