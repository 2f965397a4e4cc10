"""Example images of a study's training split, where they can be read in a moment and without the user's own code."""

from __future__ import annotations

import base64
import functools
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.datasets import DATASETS
from seplace.datasets.raw_set import ArrayImages
from seplace.errors import SeplaceError

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig

_CLASSES = 12
_SIDE = 96
"""The longest side of an example in pixels: larger images are made smaller."""
_MOST_IMAGES = 60_000
"""Of a training split that is listed to find examples."""
_QUICK = ("digits", "image_folder", "image_parquet")
"""The data sets whose single images can be read without the others."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image of a class as a PNG in a data URI."""

    name: str
    """The class."""
    uri: str
    is_small: bool
    """Whether its pixels are shown enlarged."""


def examples_of(config: StudyConfig, *, images: int | None) -> tuple[tuple[Example, ...], str]:
    """Return one example of each of the first classes, or a sentence that says why no images are shown.

    `images` is the number of images of the published training split, None where it is not known.
    """
    if config.own_training is not None:
        return (), "No images are shown: reading these data would run code of your own."
    if config.evaluator.name != "stand_alone":
        return (), f"No images are shown: the evaluator {config.evaluator.name} reads none."
    data = config.data
    if DATASETS.is_external(data.name):
        return (), "No images are shown: reading this data set would run code of your own."
    if data.name not in _QUICK:
        return (), f"No images are shown: {data.name} is an archive that would have to be unpacked."
    if data.name != "digits" and images is not None and images > _MOST_IMAGES:
        return (), f"No images are shown: finding some among {images:,} would take long."
    try:
        return _read(data.name, None if config.data_root is None else str(config.data_root)), ""
    except (SeplaceError, OSError, ValueError) as error:
        return (), f"No images are shown: {str(error).splitlines()[0]}"


@functools.lru_cache(maxsize=4)
def _read(name: str, root: str | None) -> tuple[Example, ...]:
    from seplace.datasets.opening import open_raw_set

    raw = open_raw_set(name, None if root is None else Path(root))
    rows = [int(np.argmax(raw.train.labels == label)) for label in range(min(len(raw.classes), _CLASSES))]
    if isinstance(raw.train, ArrayImages):
        pixels = [raw.train.pixels[row] for row in rows]
    else:
        sources = raw.train.read(np.array(rows, dtype=np.int64))
        pixels = [_decoded(source, raw.train.where(row)) for row, source in zip(rows, sources, strict=True)]
    return tuple(
        Example(name=label, uri=_uri(_made_smaller(image)), is_small=max(image.shape[1:]) < _SIDE)
        for label, image in zip(raw.classes, pixels, strict=False)
    )


def _decoded(source: bytes | str, where: str) -> NDArray[np.uint8]:
    """Return the pixels (C, H, W) of one image, which need not have the size of others."""
    from seplace.datasets.decoding import decode_images

    images: NDArray[np.uint8] = decode_images([source], where=lambda _: where, image_size=None, channels=None)
    one: NDArray[np.uint8] = images[0]
    return one


def _made_smaller(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image (C, H, W) by means over blocks of pixels, so that no side is longer than `_SIDE`."""
    step = -(-max(image.shape[1:]) // _SIDE)
    height, width = (side // step * step or side for side in image.shape[1:])
    if step == 1 or height < step or width < step:
        return image
    blocks = image[:, :height, :width].reshape(len(image), height // step, step, width // step, step)
    means: NDArray[np.uint8] = np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return means


def _uri(image: NDArray[np.uint8]) -> str:
    """Return an image (C, H, W) with one or three channels as a PNG in a data URI."""
    channels, height, width = image.shape
    rows = np.ascontiguousarray(image.transpose(1, 2, 0)).reshape(height, width * channels)
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1)  # a line begins with its filter
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
