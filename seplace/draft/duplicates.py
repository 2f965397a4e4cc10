"""Images that are in the training split and in another one: files with the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seplace.datasets.image_folder import FolderImages
from seplace.datasets.raw_set import Images

_MOST_COMPARED = 2_000
_MOST_READ = 20_000
"""The most files of a split that are read; of a larger set a sample of other splits is compared with a part of it."""


def duplicates_of(train: Images, others: Sequence[Images]) -> tuple[list[str], int]:
    """Return the training images whose files are also in another split, as `one = other`, and how many were compared.

    Only files are compared, by size and then by content; a picture that was stored twice in different ways is missed.
    """
    if not isinstance(train, FolderImages):
        return [], 0
    wanted: dict[int, dict[str, str]] = {}
    compared = 0
    for path in dict.fromkeys(path for images in others for path in _some_of(images)):
        content = _content(path)
        if content is not None:
            compared += 1
            wanted.setdefault(len(content), {})[_digest(content)] = path
    found: list[str] = []
    read = 0
    for path in train.read(np.random.default_rng(0).permutation(len(train.labels))) if wanted else ():
        of_size = wanted.get(_size(path))
        if of_size is None:
            continue
        read += 1
        content = _content(path)
        if content is not None and (other := of_size.get(_digest(content))) is not None:
            found.append(f"{path} = {other}")
        if read >= _MOST_READ:
            break
    return sorted(found), compared


def _some_of(images: Images) -> list[str]:
    if not isinstance(images, FolderImages) or not len(images.labels):
        return []
    return images.read(np.unique(np.linspace(0, len(images.labels) - 1, _MOST_COMPARED).astype(np.int64)))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return -1


def _content(path: str) -> bytes | None:
    """Return the content of a file; None where it is empty or cannot be read, which the look at its header says."""
    try:
        return Path(path).read_bytes() or None if Path(path).is_file() else None
    except OSError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
