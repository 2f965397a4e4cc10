"""Raw data sets, as entries of the shelf return them: classes, labels, and images that may not be decoded yet."""

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
    """Images as an array of pixels."""

    pixels: NDArray[np.uint8]
    """(N, C, H, W), C 1 or 3."""
    labels: NDArray[np.int64]
    """(N,), each an index into the classes."""
    place: str = ""
    """The name of their source, shown to the user."""


class EncodedImages(Protocol):
    """Images as files or as the bytes of files, which are read on demand."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,), each an index into the classes."""
        ...

    def read(self, indices: NDArray[np.int64]) -> Sequence[bytes | str]:
        """Return the bytes or the path of the image file at each index."""
        ...

    def where(self, index: int) -> str:
        """Return the file of an image, and the row where it has rows, for error messages."""
        ...


Images = ArrayImages | EncodedImages


@dataclass(frozen=True, eq=False)
class RawSet:
    """A data set as published, with its own splits."""

    classes: tuple[str, ...]
    train: Images
    test: Callable[[], Images] | None
    """Opens the test split, which is not read before; None for a data set without one."""
    validation: Callable[[], Images] | None = None
    """Opens the data set's own validation split, perhaps the one that `test` opens; None for a data set without one."""
    has_test_beside_validation: bool = True
    """Whether `test` opens another split than `validation`."""
    notes: tuple[str, ...] = ()
    """Notes on files that are not read, shown to the user."""

    def openers(self, *, own_validation: bool) -> dict[str, Callable[[], Images]]:
        """Return the functions that open the splits of a study beside the training split, by name.

        With `own_validation` they include the set's own validation split, which then is no test split.
        """
        opened = {}
        if own_validation and self.validation is not None:
            opened["validation"] = self.validation
        if self.test is not None and (self.has_test_beside_validation or not own_validation):
            opened["test"] = self.test
        return opened


def required_folder(root: Path | None, *, name: str, wanted: str) -> Path:
    """Return `root`; raises DataError, which says what is `wanted` in it, where it is None or not a folder."""
    if root is None:
        raise DataError(f"data set {name}: no root given; it is the folder with {wanted}")
    if not root.is_dir():
        raise DataError(f"data set {name}: {root.absolute()} is not a folder; wanted: the folder with {wanted}")
    return root
