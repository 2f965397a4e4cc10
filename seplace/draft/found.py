"""What is in a folder of images: classes, splits, sizes, colors, and what is doubtful about them.

A large set is sampled, so that this takes seconds; `seplace plan` looks at every image.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.decoding import need_pillow
from seplace.datasets.examination import Examination, examine, not_files
from seplace.datasets.folder_layout import list_classes, some
from seplace.datasets.opening import open_raw_set
from seplace.datasets.partition import check_classes
from seplace.datasets.places365 import find_places365
from seplace.datasets.raw_set import ArrayImages, EncodedImages, Images
from seplace.draft.duplicates import duplicates_of
from seplace.errors import DataError

MOST_LOOKED_AT = 4_000
"""The most images of a split whose headers are read."""
_SPLITS = ("test", "val", "validation", "valid")
_MOVED = 12
"""The most classes that a command names."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """A published split."""

    place: str
    """The name of its folder or files."""
    counts: tuple[int, ...]
    """The number of images of each class, without those that cannot be used."""
    looked_at: int
    """The number of images whose headers were read."""
    damaged: tuple[str, ...]
    """Those that cannot be used, each with the reason."""

    @property
    def images(self) -> int:
        """The number of images."""
        return sum(self.counts)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The content of a folder of images."""

    folder: Path
    name: str
    """The data set, as a study names it."""
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    """The set's own validation split."""
    test: Split | None
    """The test split, which may be the one that is also its own validation split."""
    has_test_beside_validation: bool
    sizes: NDArray[np.int64]
    """(N, 2), width and height of the images that were looked at."""
    colored: float
    """The share of images in color."""
    duplicates: tuple[str, ...]
    """Images of the training split that are in another one too, as `one = other`."""
    compared: int
    """The number of images of other splits that were compared for that."""
    notes: tuple[str, ...]

    @property
    def channels(self) -> int:
        """The channels of the images, as a study reads them."""
        return 3 if self.colored else 1

    @property
    def short_side(self) -> int:
        """The median of the shorter sides, in pixels."""
        return int(np.median(self.sizes.min(axis=1)))

    @property
    def is_of_one_size(self) -> bool:
        """Whether all images that were looked at are squares of one size."""
        return bool((self.sizes == self.sizes[0, 0]).all())

    @property
    def damaged(self) -> tuple[str, ...]:
        """The images of all splits that cannot be used."""
        return tuple(dict.fromkeys(each for split in self.splits.values() for each in split.damaged))

    @property
    def splits(self) -> Mapping[str, Split]:
        """The splits that are there."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in found.items() if split is not None}


def look_into(folder: Path) -> Found:
    """Look at a folder of images.

    Raises:
        DataError: It is in no known layout, or has one class, or classes without images.
        MissingPackage: Reading it needs an optional package.

    """
    name = _kind_of(folder)
    if name == "image_folder":
        _refuse_without_splits(folder)
    raw = open_raw_set(name, folder)
    if len(raw.classes) < 2:
        raise DataError(
            f"{folder}: its training images are of one class ({raw.classes[0]}); a study compares how well networks "
            "tell classes apart, so it needs two or more. Each class is a folder with its images"
        )
    opened: dict[str, Images] = {"train": raw.train}
    if raw.validation is not None:
        opened["validation"] = raw.validation()
    if raw.test is not None:
        is_other = raw.validation is None or raw.has_test_beside_validation
        opened["test"] = raw.test() if is_other else opened["validation"]
    for split, images in opened.items():
        check_classes(images.labels, raw.classes, what=f"{folder}: the {split} split")
    looks = {split: _look_at(images) for split, images in opened.items()}
    channels = 3 if looks["train"].examined is None else 1 + 2 * bool(looks["train"].in_color.any())
    splits = {
        split: _split(images, looks[split], raw.classes, is_gray=split != "train" and channels == 1)
        for split, images in opened.items()
    }
    if not len(looks["train"].sizes):
        raise DataError(f"{folder}: none of its images can be read: {splits['train'].damaged[0]}")
    for split, found in splits.items():
        if 0 in found.counts:
            lacking = raw.classes[found.counts.index(0)]
            raise DataError(f"{folder}: no image of {lacking} in the {split} split can be read: {found.damaged[0]}")
    others = [images for split, images in opened.items() if split != "train"]
    duplicates, compared = duplicates_of(raw.train, others)
    return Found(
        folder=folder,
        name=name,
        classes=raw.classes,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        has_test_beside_validation=raw.has_test_beside_validation,
        sizes=np.concatenate([look.sizes for look in looks.values()]),
        colored=float(looks["train"].in_color.mean()),
        duplicates=tuple(duplicates),
        compared=compared,
        notes=raw.notes,
    )


def _kind_of(folder: Path) -> str:
    """Return the data set that reads a folder."""
    if not (folder / "train").is_dir() and any(
        next(at.glob("train*.parquet"), None) for at in (folder, folder / "data")
    ):
        return "image_parquet"
    for name in ("cifar10", "cifar100"):
        number = name.removeprefix("cifar")
        archives = (f"cifar-{number}-binary.tar.gz", "cifar-10-batches-bin" if number == "10" else "cifar-100-binary")
        if any((folder / each).exists() for each in archives):
            return name
    return "image_folder"


def _refuse_without_splits(folder: Path) -> None:
    """Raise DataError for class folders that are in no split, with the command that mends it."""
    if not folder.is_dir() or (folder / "train").exists() or find_places365(folder) is not None:
        return
    try:
        listing = list_classes(folder)
    except DataError:
        return  # no classes; the layout is described when it is read
    if listing is None or len(listing.files) < 2 or not all(listing.files.values()):
        return
    classes = list(dict.fromkeys(name.partition("/")[0] for name in listing.files))
    if set(classes) & set(_SPLITS):
        return
    train = shlex.quote(str(folder / "train"))
    named = shlex.join(str(folder / name) for name in classes)
    moving = f"mkdir {train} && mv {named} {train}" if len(classes) <= _MOVED else f"mkdir {train}, and move them there"
    raise DataError(
        f"{folder}: its {len(classes)} folders ({some(classes)}) are classes, which a data set has in a folder train:\n"
        f"  {moving}\n"
        "Some images of each class in a folder test beside it give figures on new images at the end"
    )


@dataclass(frozen=True, eq=False)
class _Some:
    """Some of the images of a split."""

    images: EncodedImages
    rows: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.images.labels[self.rows]

    def read(self, indices: NDArray[np.int64]) -> Sequence[bytes | str]:
        return self.images.read(self.rows[indices])

    def where(self, index: int) -> str:
        return self.images.where(int(self.rows[index]))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Look:
    """The headers of some images of a split; of arrays all is known."""

    sizes: NDArray[np.int64]
    in_color: NDArray[np.bool_]
    looked_at: int
    examined: tuple[_Some, Examination] | None


def _look_at(images: Images) -> _Look:
    count = len(images.labels)
    if isinstance(images, ArrayImages):
        _, channels, height, width = images.pixels.shape
        return _Look(
            sizes=np.array([[width, height]]), in_color=np.array([channels > 1]), looked_at=count, examined=None
        )
    need_pillow()
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_LOOKED_AT)).astype(np.int64))
    some = _Some(images, rows)
    found = examine(some, whole=False)
    usable = found.usable
    return _Look(
        sizes=found.sizes[usable], in_color=found.in_color[usable], looked_at=len(rows), examined=(some, found)
    )


def _split(images: Images, look: _Look, classes: tuple[str, ...], *, is_gray: bool) -> Split:
    damaged: list[str] = []
    counts = np.bincount(images.labels, minlength=len(classes))
    if look.examined is not None:
        some, found = look.examined
        reasons = dict(found.damaged)
        if is_gray:
            reasons |= dict.fromkeys(np.flatnonzero(found.in_color).tolist(), "a color image in a set of gray ones")
        damaged = [*not_files(images), *(f"{some.where(row)}: {reason}" for row, reason in sorted(reasons.items()))]
        counts = counts - np.bincount(some.labels[list(reasons)], minlength=len(classes))
    return Split(
        place=str(getattr(images, "place", "")),
        counts=tuple(counts.tolist()),
        looked_at=look.looked_at,
        damaged=tuple(damaged),
    )
