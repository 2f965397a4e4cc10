"""Examination of encoded images without their pixels: whether they are images, their sizes, whether in color."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.decoding import TURNED, channels_of, in_threads, opened_image, orientation_of, upright
from seplace.datasets.image_folder import FolderImages
from seplace.datasets.raw_set import ArrayImages, EncodedImages, Images
from seplace.errors import DamagedImages

if TYPE_CHECKING:
    from PIL import Image

_READ_TOGETHER = 4096
_TAIL = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class Examination:
    """The properties of the images of a split."""

    in_color: NDArray[np.bool_]
    """(N,); False where an image is damaged."""
    sizes: NDArray[np.int64]
    """(N, 2), width and height in pixels after rotation by EXIF; 0 where an image is damaged."""
    damaged: dict[int, str]
    """The reason why an image cannot be used, by its row."""

    @property
    def usable(self) -> NDArray[np.int64]:
        """The rows of usable images."""
        return np.setdiff1d(np.arange(len(self.sizes)), np.array(list(self.damaged), dtype=np.int64))

    def usable_as(self, channels: int | None) -> NDArray[np.int64]:
        """Return the rows usable in a set of `channels`; None where these images decide its channels."""
        return self.usable[~self.in_color[self.usable]] if channels == 1 else self.usable


def examine(images: EncodedImages, *, whole: bool) -> Examination:
    """Examine the header and the end of each image, or with `whole` decode it and discard the pixels."""
    count = len(images.labels)
    in_color, sizes = np.zeros(count, dtype=np.bool_), np.zeros((count, 2), dtype=np.int64)
    damaged: dict[int, str] = {}
    for start in range(0, count, _READ_TOGETHER):
        rows = np.arange(start, min(start + _READ_TOGETHER, count))
        _examine_some(images.read(rows), start, whole=whole, in_color=in_color, sizes=sizes, damaged=damaged)
    return Examination(in_color=in_color, sizes=sizes, damaged=dict(sorted(damaged.items())))


def examine_what_fits(images: EncodedImages, *, image_size: int | None, memory_limit: int) -> Examination:
    """Decode each image of a split whose pixels fit into `memory_limit` bytes; of a larger split, examine headers."""
    found = examine(images, whole=False)
    height_times_width = int(found.sizes.prod(axis=1).max(initial=0)) if image_size is None else image_size**2
    return examine(images, whole=True) if len(images.labels) * 3 * height_times_width <= memory_limit else found


def has_color(images: Images, rows: NDArray[np.int64]) -> bool:
    """Return whether any encoded image at `rows` is in color."""
    return not isinstance(images, ArrayImages) and bool(examine(images, whole=False).in_color[rows].any())


def have_other_sizes(images: EncodedImages, rows: NDArray[np.int64], side: int) -> bool:
    """Return whether an image at `rows` is not a square with this side, by its header; damaged ones do not count."""
    in_color, sizes = np.zeros(len(rows), dtype=np.bool_), np.zeros((len(rows), 2), dtype=np.int64)
    damaged: dict[int, str] = {}
    _examine_some(images.read(rows), 0, whole=False, in_color=in_color, sizes=sizes, damaged=damaged)
    return bool((np.delete(sizes, list(damaged), axis=0) != side).any())


def not_files(images: Images) -> tuple[str, ...]:
    """Name what is listed among the image files of a split and is no file."""
    if not isinstance(images, FolderImages):
        return ()
    return tuple(f"{images.folder / name}: {what}, not an image file" for name, what in images.unusable)


def _examine_some(
    sources: Sequence[bytes | str],
    start: int,
    *,
    whole: bool,
    in_color: NDArray[np.bool_],
    sizes: NDArray[np.int64],
    damaged: dict[int, str],
) -> None:
    def look_at(positions: range) -> None:
        for position in positions:
            try:
                channels, *size = _look_at(sources[position], whole=whole)
            except DamagedImages as error:
                damaged[start + position] = str(error)
            else:
                in_color[start + position] = channels > 1
                sizes[start + position] = size

    in_threads(look_at, sources)


def _look_at(source: bytes | str, *, whole: bool) -> tuple[int, int, int]:
    """Return channels, width and height."""
    with opened_image(source) as image:
        channels = channels_of(image.mode)
        if whole or not _ends_well(image):
            shown = upright(image)
            return channels, shown.width, shown.height
        width, height = image.size
        # Pillow swaps those of a TIFF itself; EXIF data behind the pixels of a PNG are not searched for.
        has_orientation = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        is_turned = has_orientation and orientation_of(image) in TURNED
        return (channels, height, width) if is_turned else (channels, width, height)


def _ends_well(image: Image.Image) -> bool:
    """Return whether a file ends as its format demands; False also where that is not known."""
    stream = getattr(image, "fp", None)
    if stream is None:
        return False
    at = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _TAIL, 0))
    tail: bytes = stream.read()
    if image.format in ("JPEG", "MPO"):
        is_end = tail.rstrip(b"\0\r\n").endswith(b"\xff\xd9")
    elif image.format == "PNG":
        is_end = b"IEND" in tail
    elif image.format == "GIF":
        is_end = tail.endswith(b"\x3b")
    elif image.format == "WEBP":
        stream.seek(4)
        is_end = int.from_bytes(stream.read(4), "little") + 8 <= size
    else:
        is_end = False
    stream.seek(at)
    return is_end
