"""Image files in folders named after their classes, as in ImageNet, Places365 and Tiny ImageNet.

`root/train/<class>/*` is the training split; `folder_layout` lists the other layouts, and `places365` that in which
Places365 is published. The test split is the first of `root/test`, `root/val`, `root/validation` and `root/valid` with
images of the same classes (ImageNet's own `test` has no labels). For a study that holds out no training images, the
validation split is the first of `root/val`, `root/validation` and `root/valid`, and the test split is `root/test`.
Classes are sorted by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.folder_layout import Listing, found_in, holds_images, list_classes, some
from seplace.datasets.places365 import Places365, find_places365
from seplace.datasets.raw_set import RawSet, required_folder
from seplace.errors import DataError

_VALIDATION_FOLDERS = ("val", "validation", "valid")
_TEST_FOLDERS = ("test", *_VALIDATION_FOLDERS)
_LAYOUT = "train/<class>/<image files>, and the same under test, val or validation"


@dataclass(frozen=True, eq=False)
class FolderImages:
    """The paths of the image files of a split."""

    folder: Path
    files: Sequence[str]
    """Paths below `folder`."""
    labels: NDArray[np.int64]
    unusable: Sequence[tuple[str, str]] = ()
    """Entries with the name of an image that are not files: path below `folder`, and kind of entry."""

    @property
    def place(self) -> str:
        """The name of the folder."""
        return self.folder.name

    def read(self, indices: NDArray[np.int64]) -> list[str]:
        """Return the path of each image."""
        folder = str(self.folder)
        return [f"{folder}/{self.files[index]}" for index in indices.tolist()]

    def where(self, index: int) -> str:
        """Return the path of an image."""
        return str(self.folder / self.files[index])


def image_folder(root: Path | None) -> RawSet:
    """List the training images below `root`; raises DataError for an unknown layout."""
    root = required_folder(root, name="image_folder", wanted=_LAYOUT)
    places = find_places365(root)
    folders = {name: root / name for name in ("train", *_TEST_FOLDERS)} | ({} if places is None else places.folders)
    train = _listing(places, "train", folders["train"]) if folders["train"].is_dir() else None
    if train is None:
        raise DataError(_unknown_layout(root, folders["train"]))
    classes = tuple(train.files)
    labeled: dict[str, Listing | DataError] = {}
    notes = [f"{folders['train'].name}: {note}" for note in train.notes]
    for name in _TEST_FOLDERS:
        if not folders[name].is_dir():
            continue
        try:
            listing = _listing(places, name, folders[name])
        except DataError as error:
            labeled[name] = error  # raised where the split is opened
            continue
        if listing is None or not set(listing.files) & set(classes):
            notes.append(f"{folders[name].name} is not read: {_why_not(folders[name], listing)}")
            continue
        notes += [f"{folders[name].name}: {note}" for note in listing.notes]
        labeled[name] = listing
    tests = [name for name in _TEST_FOLDERS if name in labeled]
    own = next((name for name in _VALIDATION_FOLDERS if name in labeled), None)
    opened = {
        name: partial(_open, folders[name], listing, classes, train=folders["train"])
        for name, listing in labeled.items()
    }
    return RawSet(
        classes=classes,
        train=_images(folders["train"], train, classes),
        test=opened[tests[0]] if tests else None,
        validation=None if own is None else opened[own],
        has_test_beside_validation="test" in labeled,
        notes=tuple(notes),
    )


def _listing(places: Places365 | None, split: str, folder: Path) -> Listing | None:
    by_file = None if places is None else places.listing(split)
    return list_classes(folder) if by_file is None else by_file


def _why_not(folder: Path, listing: Listing | None) -> str:
    if listing is None:
        what = "images without labels" if holds_images(folder) else "no class folders"
        return f"{what} ({found_in(folder)})"
    return f"no folder in it is a class of train ({some(list(listing.files))})"


def _open(folder: Path, listing: Listing | DataError, classes: tuple[str, ...], *, train: Path) -> FolderImages:
    if isinstance(listing, DataError):
        raise listing
    found = tuple(listing.files)
    missing, more = sorted(set(classes) - set(found)), sorted(set(found) - set(classes))
    if missing or more:
        different = sorted({*missing, *more})
        only = " and ".join(
            [*([f"{some(missing)} only in train"] if missing else []), *([f"{some(more)} only here"] if more else [])]
        )
        raise DataError(
            f"{folder} has {len(found)} classes, {train} has {len(classes)}; only in one of them: "
            f"{some(different)} ({only})"
        )
    return _images(folder, listing, classes)


def _images(folder: Path, listing: Listing, classes: tuple[str, ...]) -> FolderImages:
    files = [file for name in classes for file in listing.files[name]]
    labels = np.repeat(np.arange(len(classes)), [len(listing.files[name]) for name in classes])
    return FolderImages(folder, files, labels.astype(np.int64), tuple(listing.unusable))


def _unknown_layout(root: Path, train: Path) -> str:
    """Describe the content of a root with an unknown layout, and the expected layout."""
    found = [f"In {root.absolute()} there are {found_in(root)}"]
    if train.is_dir():
        found.append(f"in train {found_in(train)}")
    inner = [path for path in sorted(root.iterdir()) if path.is_dir() and (path / "train").is_dir()]
    if train.is_dir():
        hint = " Images without class folders have no labels: put those of each class into a folder with its name."
    elif len(inner) == 1:
        hint = f" Did you mean the root {inner[0]}?"
    elif any(holds_images(path) for path in sorted(root.iterdir()) if path.is_dir()):
        hint = " If its folders are the classes, move them into a folder train, and some images of each into test."
    else:
        hint = ""
    return f"data set image_folder: {train} has no class folders. {'; '.join(found)}. Wanted: {_LAYOUT}.{hint}"
