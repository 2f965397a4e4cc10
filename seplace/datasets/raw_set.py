"""What a member of the shelf returns: classes, labels, and images that may not be decoded yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seplace.errors import DataError


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images that are plain pixels already."""

    pixels: NDArray[np.uint8]
    """(N, C, H, W), C 1 or 3."""
    labels: NDArray[np.int64]
    """(N,), each an index into the classes."""
    place: str = ""
    """Where they come from, for whoever runs a study."""


class EncodedImages(Protocol):
    """Images as files or as the bytes of files; only what is asked for is read."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,), each an index into the classes."""
        ...

    def read(self, indices: NDArray[np.int64]) -> Sequence[bytes | str]:
        """Return for each index the bytes of an image file, or the path of one."""
        ...

    def where(self, index: int) -> str:
        """Return the file, and the row where it has rows, of an image: what an error message names."""
        ...


Images = ArrayImages | EncodedImages


@dataclass(frozen=True, eq=False)
class RawSet:
    """A data set as published: its own training and test split."""

    classes: tuple[str, ...]
    train: Images
    test: Callable[[], Images] | None
    """Opens the test split; nothing of it is read before. None where there is none."""
    validation: Callable[[], Images] | None = None
    """Opens the set's own validation split; None where there is none. It may be the one that `test` opens."""
    has_test_beside_validation: bool = True
    """Whether `test` opens another split than `validation`."""
    notes: tuple[str, ...] = ()
    """What lies there and is not read, for whoever runs a study."""

    def openers(self, *, own_validation: bool) -> dict[str, Callable[[], Images]]:
        """Return what opens each split beside the training split that a study uses.

        With `own_validation` the set's own validation split is one, and serves as no test split.
        """
        opened = {}
        if own_validation and self.validation is not None:
            opened["validation"] = self.validation
        if self.test is not None and (self.has_test_beside_validation or not own_validation):
            opened["test"] = self.test
        return opened


def required_folder(root: Path | None, *, name: str, wanted: str) -> Path:
    """Return `root`; DataError with what is `wanted` in it where it is not given or not a folder."""
    if root is None:
        raise DataError(f"data set {name}: no root given; it is the folder with {wanted}")
    if not root.is_dir():
        raise DataError(f"data set {name}: {root.absolute()} is not a folder; wanted: the folder with {wanted}")
    return root
