"""Encoded images to arrays, many at a time: Pillow in threads (it decodes without the interpreter lock)."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from seplace.errors import DamagedImages, DataError, InputError, MissingPackage, SeplaceError

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

# What Pillow may open; among what it otherwise would is EPS, which runs an interpreter.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = frozenset({"1", "L", "LA"})
_COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"})
_PALETTE_MODES = frozenset({"P", "PA"})
_OF_THE_FILE = frozenset({None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
"""Errors that say something of the file (Pillow's own have no number), not of the machine."""
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
    DataError. DamagedImages for those that cannot be decoded. Errors name the image by `where(position)`.
    """
    need_pillow()

    damaged: list[tuple[int, str]] = []

    def decode_some(positions: range) -> list[NDArray[np.uint8]]:
        decoded = []
        for position in positions:
            try:
                decoded.append(_decode(sources[position], image_size=image_size))
            except DamagedImages as error:
                damaged.append((position, str(error)))
        return decoded

    parts = in_threads(decode_some, sources)
    if damaged:
        raise DamagedImages(tuple(f"{where(position)}: {reason}" for position, reason in sorted(damaged)))
    return _stack(parts, where=where, channels=channels)


def need_pillow() -> None:
    """Raise MissingPackage where Pillow, which is an extra, cannot be imported."""
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingPackage(f"decoding images needs pillow ({error}): pip install pillow") from error


def in_threads(work: Callable[[range], T], sources: Sequence[bytes | str]) -> list[T]:
    """Return what `work` makes of the positions of some sources, a few dozen at a time, in their order."""
    pool = ThreadPoolExecutor(max_workers=_threads(sources))
    starts = range(0, len(sources), _IMAGES_PER_TASK)
    try:
        return list(pool.map(work, (range(at, min(at + _IMAGES_PER_TASK, len(sources))) for at in starts)))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def opened_image(source: bytes | str) -> Iterator[Image.Image]:
    """Open an image; DamagedImages, without its name, for whatever shows it to be none.

    An error of the machine (a disk that fails, too many open files) is a DataError of another kind: the next attempt
    may succeed.
    """
    from PIL import Image

    if isinstance(source, str):
        try:
            mode, size = (place := Path(source).stat()).st_mode, place.st_size
        except OSError as error:
            raise _damage(error) from error
        if not stat.S_ISREG(mode):
            raise DamagedImages(("not a file",))  # opening a FIFO would wait for ever
    else:
        size = len(source)
    if not size:
        raise DamagedImages(("no image, 0 bytes",))
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as opened:
            yield opened
    except (SeplaceError, MemoryError):
        raise
    except Exception as error:  # which ones a damaged file raises depends on its format
        raise _damage(error) from error


def _damage(error: Exception) -> DataError:
    if isinstance(error, OSError) and error.errno not in _OF_THE_FILE:
        return DataError(f"{error.filename}: {error.strerror}")
    # Pillow names the file again where it recognizes nothing in it.
    known = "in none of the formats that are read" if type(error).__name__ == "UnidentifiedImageError" else str(error)
    return DamagedImages((f"not a readable image ({getattr(error, 'strerror', None) or known})",))


def channels_of(mode: str) -> int:
    """Return 1 for grey and 3 for colour by Pillow's name of the pixels; DamagedImages for those that are not read."""
    if mode in _GREY_MODES:
        return 1
    if mode in _COLOUR_MODES or mode in _PALETTE_MODES:
        return 3
    raise DamagedImages((f"{mode} pixels are not supported, only 8 bits a channel",))


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


def upright(image: Image.Image) -> Image.Image:
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
    turn = turns.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (as it is stored) where there is none or it cannot be read, as viewers do."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # which ones damaged EXIF data raise depends on the damage
        return 1


def _decode(source: bytes | str, *, image_size: int | None) -> NDArray[np.uint8]:
    """Return one image as (H, W, C)."""
    from PIL import Image

    with opened_image(source) as opened:
        image = upright(opened)
        channels = channels_of(image.mode)
        if image.mode in _PALETTE_MODES:
            image = image.convert("RGBA").convert("RGB")
        elif image.mode != (wanted := "L" if channels == 1 else "RGB"):
            image = image.convert(wanted)
        if image_size is not None and image.size != (image_size, image_size):
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            image = image.resize(
                (image_size, image_size),
                Image.Resampling.BILINEAR,
                box=(left, top, left + side, top + side),
            )
        pixels = np.array(image, dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
