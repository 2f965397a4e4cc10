"""Decoding of images into arrays, with Pillow in threads, which releases the interpreter lock."""

from __future__ import annotations

import errno
import io
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from seplace.errors import DamagedImages, DataError, InputError, MissingPackage, SeplaceError
from seplace.machine import usable_cores

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

# The formats that Pillow may open; others include EPS, which runs an interpreter.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GRAY_MODES = frozenset({"1", "L", "LA"})
_COLOR_MODES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"})
_PALETTE_MODES = frozenset({"P", "PA"})
_OF_THE_FILE = frozenset({None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
"""The numbers of errors that are the file's fault, not the machine's; Pillow's own errors have none."""
_ORIENTATION = 0x0112
"""The EXIF tag that says how to rotate an image for display: phones store it in the orientation of the sensor."""
TURNED = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""
_SCALED_FORMATS = ("JPEG", "MPO")
"""The formats that can be decoded at a part of their size."""
_IMAGES_PER_TASK = 64
# Below this most of the time is spent in Python, where threads do not help.
_BYTES_WORTH_A_THREAD = 4096

_most_threads = 8
_chosen_threads: int | None = None


def limit_threads(most: int) -> None:
    """Let this process decode with fewer threads: others decode beside it."""
    global _most_threads
    _most_threads = max(1, min(most, _most_threads))


def use_threads(number: int) -> None:
    """Let this process decode with a number of threads, whatever its cores."""
    global _chosen_threads
    _chosen_threads = number


def decode_threads() -> int:
    """Return the number of threads that this process decodes with."""
    return _chosen_threads or min(_most_threads, usable_cores())


def decode_images(
    sources: Sequence[bytes | str],
    *,
    where: Callable[[int], str],
    image_size: int | None,
    channels: int | None,
) -> NDArray[np.uint8]:
    """Decode images (bytes, or paths of files) into one array (N, C, H, W).

    Each image is rotated as its EXIF orientation says. With an `image_size` the center square is resized to it with
    antialiasing. With `channels` None there are 3 channels if any image is in color, else 1; with 3 channels, gray
    images have equal ones. Errors name the image by `where(position)`.

    Raises:
        InputError: Without an `image_size`, the images have different sizes.
        DataError: An image is in color and `channels` is 1.
        DamagedImages: Images cannot be decoded.

    """
    need_pillow()

    damaged: list[tuple[int, str]] = []

    def decode_some(positions: range) -> list[NDArray[np.uint8]]:
        decoded = []
        for position in positions:
            try:
                decoded.append(decode_image(sources[position], image_size=image_size))
            except DamagedImages as error:
                damaged.append((position, str(error)))
        return decoded

    parts = in_threads(decode_some, sources)
    if damaged:
        raise DamagedImages(tuple(f"{where(position)}: {reason}" for position, reason in sorted(damaged)))
    return _stack(parts, where=where, channels=channels)


def need_pillow() -> None:
    """Raise MissingPackage where Pillow, which is an extra, cannot be imported.

    From then on Pillow raises an error instead of a warning for an image of more than 89 million pixels.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackage(f"decoding images needs pillow ({error}): pip install pillow") from error
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def in_threads(work: Callable[[range], T], sources: Sequence[bytes | str]) -> list[T]:
    """Return the results of `work` on ranges of positions, a few dozen sources each, in order."""
    pool = ThreadPoolExecutor(max_workers=_threads(sources))
    starts = range(0, len(sources), _IMAGES_PER_TASK)
    try:
        return list(pool.map(work, (range(at, min(at + _IMAGES_PER_TASK, len(sources))) for at in starts)))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def opened_image(source: bytes | str) -> Iterator[Image.Image]:
    """Open an image.

    Raises:
        DamagedImages: It is no readable image; the error does not name it.
        DataError: The machine failed (a disk error, too many open files), so that another attempt may succeed.

    """
    from PIL import Image

    if isinstance(source, str):
        try:
            mode, size = (place := os.stat(source)).st_mode, place.st_size  # noqa: PTH116 - a Path takes longer
        except OSError as error:
            raise _damage(error) from error
        if not stat.S_ISREG(mode):
            raise DamagedImages(("not a file",))  # opening a FIFO would wait forever
    else:
        size = len(source)
    if not size:
        raise DamagedImages(("no image, 0 bytes",))
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as opened:
            yield opened
    except (SeplaceError, MemoryError):
        raise
    except Exception as error:  # a damaged file raises errors that depend on its format
        raise _damage(error) from error


def _damage(error: Exception) -> DataError:
    if isinstance(error, OSError) and error.errno not in _OF_THE_FILE:
        return DataError(f"{error.filename}: {error.strerror}")
    # Pillow's message names the file, which the caller does, too.
    known = "in none of the formats that are read" if type(error).__name__ == "UnidentifiedImageError" else str(error)
    return DamagedImages((f"not a readable image ({getattr(error, 'strerror', None) or known})",))


def channels_of(mode: str) -> int:
    """Return 1 for a gray and 3 for a color mode of Pillow; raises DamagedImages for a mode that is not supported."""
    if mode in _GRAY_MODES:
        return 1
    if mode in _COLOR_MODES or mode in _PALETTE_MODES:
        return 3
    raise DamagedImages((f"{mode} pixels are not supported, only 8 bits a channel",))


def _threads(sources: Sequence[bytes | str]) -> int:
    """Return the number of decoding threads, chosen by the encoded size of the first image."""
    if not sources:
        return 1
    first = sources[0]
    try:
        size = len(first) if isinstance(first, bytes) else Path(first).stat().st_size
    except OSError:  # decoding it raises the error
        return 1
    return 1 if size < _BYTES_WORTH_A_THREAD else decode_threads()


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
        # Each part is released once it is copied, so that the set is never in memory twice.
        for image in parts.pop(0):
            if image.shape[:2] != (height, width):
                raise InputError(
                    f"{where(position)} has {image.shape[1]}x{image.shape[0]} pixels, {where(0)} has "
                    f"{width}x{height}: give an image_size"
                )
            if image.shape[2] > channels:
                raise DataError(f"{where(position)} is a color image in a set of gray ones")
            stacked[position] = image.transpose(2, 0, 1)
            position += 1
    return stacked


def upright(image: Image.Image) -> Image.Image:
    """Return an image rotated as its EXIF orientation says.

    It is decoded first: Pillow then rotates a TIFF itself, and finds the EXIF data of a PNG behind its pixels.
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
    turn = turns.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, which means as stored, if the file has no tag that can be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data raise errors of many kinds
        return 1


def decode_image(source: bytes | str, *, image_size: int | None, flips: bool = False) -> NDArray[np.uint8]:
    """Return an image as (H, W, C): its center square resized to `image_size`, or all of it where that is None.

    With `flips` it is mirrored. Raises DamagedImages, which does not name the image.
    """
    with opened_image(source) as opened:
        image = _plain(upright(opened))
        if image_size is not None and image.size != (image_size, image_size):
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            image = _resized(image, image_size, box=(left, top, left + side, top + side))
        return _pixels(image, flips=flips)


def decode_crop(
    source: bytes | str,
    *,
    image_size: int,
    box_of: Callable[[int, int], tuple[int, int, int, int]],
    flips: bool = False,
) -> NDArray[np.uint8]:
    """Return a part of an image, resized, as (H, W, C).

    A JPEG file whose part has at least twice as many pixels a side is decoded at a half, a quarter or an eighth of its
    size, which libjpeg does in the frequency domain in less time; no side of the part becomes smaller than
    `image_size` by it. Pixels differ by a few gray levels from those of the whole file resized.

    Args:
        source: The bytes, or the path of the file.
        image_size: The side of the result in pixels.
        box_of: Returns the top, left, height and width of the part, given the height and width of the upright image.
        flips: Whether the part is mirrored.

    Raises:
        DamagedImages: It cannot be decoded; the error does not name it.

    """
    with opened_image(source) as opened:
        if opened.format in _SCALED_FORMATS:
            width, height = opened.size
            if orientation_of(opened) in TURNED:
                width, height = height, width
            top, left, down, across = box_of(height, width)
            shrink = next((each for each in (8, 4, 2) if min(down, across) >= each * image_size), 1)
            if shrink > 1:
                opened.draft(None, (opened.width // shrink, opened.height // shrink))
            image = _plain(upright(opened))
        else:
            image = _plain(upright(opened))
            width, height = image.size
            top, left, down, across = box_of(height, width)
        right, below = image.width / width, image.height / height  # 1, but for a JPEG that was decoded smaller
        box = (
            left * right,
            top * below,
            min((left + across) * right, image.width),
            min((top + down) * below, image.height),
        )
        return _pixels(_resized(image, image_size, box=box), flips=flips)


def _plain(image: Image.Image) -> Image.Image:
    """Return an image as RGB, or as 8 bits of gray where it has no color."""
    channels = channels_of(image.mode)
    if image.mode in _PALETTE_MODES:
        return image.convert("RGBA").convert("RGB")
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _resized(image: Image.Image, side: int, *, box: tuple[float, float, float, float]) -> Image.Image:
    from PIL.Image import Resampling

    return image.resize((side, side), Resampling.BILINEAR, box=box)


def _pixels(image: Image.Image, *, flips: bool) -> NDArray[np.uint8]:
    """Return an image as (H, W, C), which may not be written to."""
    from PIL.Image import Transpose

    pixels = np.asarray(image.transpose(Transpose.FLIP_LEFT_RIGHT) if flips else image, dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
