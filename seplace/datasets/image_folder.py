"""Image files in folders named after their classes, as ImageNet and Places365 are laid out.

`root/train/<class>/*` is the training split; the test split is the first of `root/test`, `root/val` and
`root/validation` that has class folders (ImageNet's own `test` has no labels). Classes are sorted by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.raw_set import RawSet, required_folder
from seplace.errors import DataError

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_TEST_FOLDERS = ("test", "val", "validation")
_LAYOUT = "train/<class>/<image files>, and the same under test, val or validation"


@dataclass(frozen=True, eq=False)
class FolderImages:
    """The image files of one split: their paths only."""

    folder: Path
    files: Sequence[str]
    """Paths under `folder`."""
    labels: NDArray[np.int64]

    def read(self, indices: NDArray[np.int64]) -> list[str]:
        """Return the path of each image."""
        return [self.where(index) for index in indices.tolist()]

    def where(self, index: int) -> str:
        """Return the path of an image."""
        return str(self.folder / self.files[index])


def image_folder(root: Path | None) -> RawSet:
    """List the training images under `root`; DataError where the layout is another."""
    root = required_folder(root, name="image_folder", wanted=_LAYOUT)
    classes = _class_folders(root / "train")
    if not classes:
        raise DataError(f"data set image_folder: {root / 'train'} has no class folders; wanted: {_LAYOUT}")
    test = next((root / name for name in _TEST_FOLDERS if _class_folders(root / name)), None)
    return RawSet(
        classes=classes,
        train=_list(root / "train", classes),
        test=None if test is None else partial(_list_test, test, classes, root / "train"),
    )


def _list_test(folder: Path, classes: tuple[str, ...], train: Path) -> FolderImages:
    found = _class_folders(folder)
    if found != classes:
        different = sorted(set(found) ^ set(classes))
        raise DataError(
            f"{folder} has {len(found)} classes, {train} has {len(classes)}; only in one of them: "
            f"{', '.join(different[:5])}{', …' if len(different) > 5 else ''}"
        )
    return _list(folder, classes)


def _class_folders(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _list(folder: Path, classes: tuple[str, ...]) -> FolderImages:
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        images = sorted(
            path.name
            for path in (folder / name).iterdir()
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
        )
        files += (f"{name}/{image}" for image in images)
        labels += [label] * len(images)
    return FolderImages(folder, files, np.array(labels, dtype=np.int64))
