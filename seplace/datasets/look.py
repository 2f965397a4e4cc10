"""Inspection of all splits of a data set before any training: all problems are reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.decoding import need_pillow
from seplace.datasets.examination import Examination, examine, examine_what_fits, not_files
from seplace.datasets.identity import identities_of
from seplace.datasets.image_set import MEMORY_LIMIT
from seplace.datasets.opening import open_raw_set
from seplace.datasets.partition import check_classes, split_rows
from seplace.datasets.raw_set import ArrayImages, Images, RawSet
from seplace.errors import DamagedImages, DataError, InputError

_HINT = "leave them out with data: {skip_damaged: true}"


@dataclass(frozen=True, kw_only=True)
class Look:
    """The properties of a data set that was inspected and has no problems."""

    classes: tuple[str, ...]
    splits: Mapping[str, dict[str, Any]]
    """The identity of each published split that is used."""
    uses: Mapping[str, dict[str, Any]]
    """For train, validation and test: `images`, `fewest` and `most` of a class, `place` and sizes."""
    notes: tuple[str, ...]
    """Notes on files that are not read, and on what a user should know."""

    def to_record(self) -> dict[str, Any]:
        """Return the properties as plain JSON types; `splits` alone identifies the images."""
        return {"splits": dict(self.splits), "uses": dict(self.uses), "notes": list(self.notes)}


@dataclass(kw_only=True)
class _Looking:
    """The state of an inspection: its settings, and what was found so far."""

    raw: RawSet
    name: str
    image_size: int | None
    skip_damaged: bool
    whole: bool
    images: dict[str, Images] = field(default_factory=dict)
    found: dict[str, Examination] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    usable: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def look_at_data(
    name: str,
    *,
    root: Path | None,
    image_size: int | None,
    train_images: int | None,
    validation_images: int | None,
    seed: int,
    skip_damaged: bool,
    whole: bool,
) -> Look:
    """Inspect all splits that a study uses: their lists, classes, and the headers of their images.

    With `whole` the images of splits that fit into the memory are decoded.

    Raises:
        DataError: The files have problems; the error names all of them.
        InputError: The numbers do not fit the data set.

    """
    raw = open_raw_set(name, root)
    own_validation = validation_images is None
    openers = raw.openers(own_validation=own_validation)
    if own_validation and "validation" not in openers:
        raise InputError(
            f"data set {name} has no validation split of its own: say with validation_images how many training images "
            "are held out"
        )
    looking = _Looking(raw=raw, name=name, image_size=image_size, skip_damaged=skip_damaged, whole=whole)
    for split, open_split in {"train": lambda: raw.train, **openers}.items():
        try:
            images = open_split()
        except DataError as error:
            looking.faults.append(str(error))
            continue
        looking.images[split] = images
        _look_at_split(looking, split, images)
    _check_sizes(looking)
    _refuse(looking)
    train, validation = split_rows(
        raw,
        looking.usable["train"],
        name=name,
        train_images=train_images,
        validation_images=validation_images,
        seed=seed,
    )
    rows = {"train": train, "validation": looking.usable["validation"] if own_validation else validation}
    if "test" in looking.usable:
        rows["test"] = looking.usable["test"]
    return Look(
        classes=raw.classes,
        splits=identities_of(looking.images, raw.classes),
        uses={split: _use_of(looking, split, of, own_validation=own_validation) for split, of in rows.items()},
        notes=(*raw.notes, *_notes(looking, own_validation=own_validation)),
    )


def _look_at_split(looking: _Looking, split: str, images: Images) -> None:
    """Note the problems of the images of a split."""
    looking.damaged += not_files(images)
    rows: NDArray[np.int64] = np.arange(len(images.labels))
    if not isinstance(images, ArrayImages):
        need_pillow()
        if looking.whole:
            found = examine_what_fits(images, image_size=looking.image_size, memory_limit=MEMORY_LIMIT)
        else:
            found = examine(images, whole=False)
        looking.found[split] = found
        reasons = dict(found.damaged)
        if split != "train" and "train" in looking.found and not looking.found["train"].in_color.any():
            reasons |= dict.fromkeys(np.flatnonzero(found.in_color).tolist(), "a color image in a set of gray ones")
        looking.damaged += (f"{images.where(row)}: {reason}" for row, reason in sorted(reasons.items()))
        rows = np.setdiff1d(rows, np.array(list(reasons), dtype=np.int64))
    looking.usable[split] = rows
    is_without = f"data set {looking.name}: the {split} split"
    try:
        check_classes(images.labels, looking.raw.classes, what=is_without)
        if looking.skip_damaged:
            check_classes(images.labels[rows], looking.raw.classes, what=f"{is_without}, without what is skipped,")
    except DataError as error:
        looking.faults.append(str(error))


def _check_sizes(looking: _Looking) -> None:
    """Note the first image whose size differs from the others where a study gives no image size."""
    first: tuple[str, int, int] | None = None
    for split, images in looking.images.items():
        if looking.image_size is not None or isinstance(images, ArrayImages):
            return
        for row in looking.usable[split].tolist():
            width, height = looking.found[split].sizes[row].tolist()
            first = first or (images.where(row), width, height)
            if (width, height) != first[1:]:
                looking.faults.append(
                    f"{images.where(row)} has {width}x{height} pixels, {first[0]} has {first[1]}x{first[2]}: "
                    "give an image_size"
                )
                return
    if first is not None and first[1] != first[2]:
        looking.faults.append(f"{first[0]} has {first[1]}x{first[2]} pixels, which is not square: give an image_size")


def _refuse(looking: _Looking) -> None:
    """Raise one DataError with all problems."""
    faults = list(looking.faults)
    if looking.damaged and not looking.skip_damaged:
        faults.append(f"{DamagedImages(looking.damaged)}\n  {_HINT}")
    if faults:
        notes = [f"note: {note}" for note in looking.raw.notes]
        raise DataError("\n".join(faults + notes))


def _use_of(looking: _Looking, split: str, rows: NDArray[np.int64], *, own_validation: bool) -> dict[str, Any]:
    published = "train" if split == "validation" and not own_validation else split
    images = looking.images[published]
    counts = np.bincount(images.labels[rows], minlength=len(looking.raw.classes))
    use = {
        "images": len(rows),
        "fewest": int(counts.min()),
        "most": int(counts.max()),
        "place": str(getattr(images, "place", "")),
        "is_held_out": published != split,
    }
    if published == split:
        use["left_out"] = len(images.labels) - len(looking.usable[split]) + len(not_files(images))
    if isinstance(images, ArrayImages):
        size = list(images.pixels.shape[:1:-1])
        use |= {"smallest": size, "largest": size}
    elif len(rows):
        sizes = looking.found[published].sizes[rows]
        use |= {"smallest": sizes.min(axis=0).tolist(), "largest": sizes.max(axis=0).tolist()}
    return use


def _notes(looking: _Looking, *, own_validation: bool) -> list[str]:
    notes = [f"left out: {DamagedImages(looking.damaged)}"] if looking.damaged else []
    if looking.raw.validation is not None and looking.raw.has_test_beside_validation and not own_validation:
        notes.append("the validation split of the data set is not used; leave out validation_images to validate on it")
    for split, found in looking.found.items():
        color, usable = int(found.in_color.sum()), len(found.usable)
        if split == "train" and 0 < color < usable:
            notes.append(f"train: {color:,} of {usable:,} images are in color; the gray ones are read as color too")
    return notes
