"""Encoded images to arrays, many at a time: Pillow in threads (it decodes without the interpreter lock)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.errors import DataError, InputError, MissingPackage, SeplaceError

if TYPE_CHECKING:
    from PIL import Image

# What Pillow may open; among what it otherwise would is EPS, which runs an interpreter.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = frozenset({"1", "L", "LA"})
_COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"})
_ORIENTATION = 0x0112
"""The EXIF tag that says how a viewer turns what is stored: phones store each picture as the sensor lies."""
_IMAGES_PER_TASK = 64
# Below this most of the time is spent in Python, where threads only get in each other's way.
_BYTES_WORTH_A_THREAD = 4096


def decode_images(
    sources: Sequence[bytes | str],
    *,
    where: Callable[[int], str],
    image_size: int | None,
    channels: int | None,
) -> NDArray[np.uint8]:
    """Decode images (bytes, or paths of files) to one array (N, C, H, W).

    Each is turned as its EXIF orientation says, as a viewer shows it.
    With an `image_size` the middle square is taken and scaled to it with antialiasing; without, all images
    must have one size (InputError). With `channels` None the set has 3 if any image has colour, else 1.
    Grey images in a set of 3 channels are grey in colour; a colour image where 1 is asked for is a
    DataError, as is an image that cannot be decoded. Errors name the image by `where(position)`.
    """
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingPackage(f"decoding images needs pillow ({error}): pip install 'seplace[images]'") from error

    def decode_some(start: int) -> list[NDArray[np.uint8]]:
        positions = range(start, min(start + _IMAGES_PER_TASK, len(sources)))
        return [_decode(sources[position], name=where(position), image_size=image_size) for position in positions]

    pool = ThreadPoolExecutor(max_workers=_threads(sources))
    try:
        parts = list(pool.map(decode_some, range(0, len(sources), _IMAGES_PER_TASK)))
    finally:
        pool.shutdown(cancel_futures=True)
    return _stack(parts, where=where, channels=channels)


def _threads(sources: Sequence[bytes | str]) -> int:
    """Return the number of decoding threads, judged by the first image's encoded size."""
    if not sources:
        return 1
    first = sources[0]
    try:
        size = len(first) if isinstance(first, bytes) else Path(first).stat().st_size
    except OSError:  # decoding it will say so
        return 1
    return 1 if size < _BYTES_WORTH_A_THREAD else min(8, os.cpu_count() or 1)


def _stack(
    parts: list[list[NDArray[np.uint8]]], *, where: Callable[[int], str], channels: int | None
) -> NDArray[np.uint8]:
    if channels is None:
        channels = max((image.shape[2] for part in parts for image in part), default=1)
    count = sum(map(len, parts))
    height, width = parts[0][0].shape[:2] if count else (0, 0)
    stacked = np.empty((count, channels, height, width), dtype=np.uint8)
    position = 0
    while parts:
        # Each part is let go once it is copied, so that the set is never in memory twice.
        for image in parts.pop(0):
            if image.shape[:2] != (height, width):
                raise InputError(
                    f"{where(position)} has {image.shape[1]}x{image.shape[0]} pixels, {where(0)} has "
                    f"{width}x{height}: give an image_size"
                )
            if image.shape[2] > channels:
                raise DataError(f"{where(position)} is a colour image in a set of grey ones")
            stacked[position] = image.transpose(2, 0, 1)
            position += 1
    return stacked


def _upright(image: Image.Image) -> Image.Image:
    """Return an image as its EXIF orientation says that it is shown.

    It is decoded first: Pillow itself turns a TIFF then, and finds the EXIF data of a PNG behind its pixels.
    """
    from PIL.Image import Transpose

    image.load()
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (as it is stored) where there is none or it cannot be read, as viewers do."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # which ones damaged EXIF data raise depends on the damage
        return 1


def _decode(source: bytes | str, *, name: str, image_size: int | None) -> NDArray[np.uint8]:
    """Return one image as (H, W, C)."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as opened:
            image = _upright(opened)
            if image.mode in _GREY_MODES:
                image = image if image.mode == "L" else image.convert("L")
            elif image.mode in ("P", "PA"):
                image = image.convert("RGBA").convert("RGB")
            elif image.mode in _COLOUR_MODES:
                image = image if image.mode == "RGB" else image.convert("RGB")
            else:
                raise DataError(f"{name}: {image.mode} pixels are not supported, only 8 bits a channel")
            if image_size is not None and image.size != (image_size, image_size):
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                image = image.resize(
                    (image_size, image_size),
                    Image.Resampling.BILINEAR,
                    box=(left, top, left + side, top + side),
                )
            pixels = np.array(image, dtype=np.uint8)
    except (SeplaceError, MemoryError):
        raise
    except Exception as error:  # which ones a damaged file raises depends on its format
        raise DataError(f"{name}: not a readable image ({error})") from error
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
