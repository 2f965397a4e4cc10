"""Random resized crops: the part of an image that is resized to the size of a network's input.

They are those of GoogLeNet (arXiv:1409.4842) as torchvision draws them. The numbers of an epoch are drawn from its seed
alone, and a box follows from the numbers of an image and its size. Images in memory and images that are cropped while
they are decoded share both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seplace.errors import InputError
from seplace.seeds import derive_seed

_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class RandomResizedCrop:
    """The boxes that may be drawn."""

    scale: tuple[float, float]
    """The smallest and the largest area, as shares of the image's."""
    ratio: tuple[float, float]
    """The smallest and the largest width over height, drawn on a logarithmic scale."""

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"the scale of a crop is two shares of the area, rising, over 0 to 1, got {self.scale}")
        if not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise InputError(f"the ratio of a crop is two numbers over 0, rising, got {self.ratio}")


def draw_crops(count: int, *, seed: int, epoch: int) -> NDArray[np.float64]:
    """Draw the numbers, (N, 22) in 0 … 1, of the images of an epoch by their positions in its order."""
    return np.random.default_rng(derive_seed(seed, "crop", epoch)).random((count, 2 * _TRIES + 2))


def crop_boxes(
    draws: NDArray[np.float64],
    crop: RandomResizedCrop,
    *,
    width: int | NDArray[np.int64],
    height: int | NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the box (left, top, width, height) of each image in pixels, (N, 4).

    It is the first of ten boxes that fits into the image, and else the largest one in its center of an allowed ratio.

    Args:
        draws: The numbers of the images, (N, 22).
        crop: The boxes that may be drawn.
        width: The width of all images, or of each one, (N,).
        height: Their height, as their width.

    """
    count = len(draws)
    across = np.broadcast_to(np.asarray(width, dtype=np.float64), count)[:, None]
    down = np.broadcast_to(np.asarray(height, dtype=np.float64), count)[:, None]
    least, most = crop.ratio
    area = across * down * (crop.scale[0] + (crop.scale[1] - crop.scale[0]) * draws[:, :_TRIES])
    low, high = math.log(least), math.log(most)
    aspect = np.exp(low + (high - low) * draws[:, _TRIES : 2 * _TRIES])
    # The last candidate always fits.
    inside = np.clip(across / down, least, most)
    widths = np.rint(np.hstack([np.sqrt(area * aspect), np.minimum(across, down * inside)]))
    heights = np.rint(np.hstack([np.sqrt(area / aspect), np.minimum(down, across / inside)]))
    fits = (widths >= 1) & (widths <= across) & (heights >= 1) & (heights <= down)
    widths[:, -1:], heights[:, -1:] = np.maximum(widths[:, -1:], 1), np.maximum(heights[:, -1:], 1)
    fits[:, -1] = True
    chosen = fits.argmax(axis=1)
    rows = np.arange(count)
    size = np.stack([widths[rows, chosen], heights[rows, chosen]], axis=1)
    room = np.hstack([across, down]) - size
    is_last = (chosen == _TRIES)[:, None]
    corner = np.where(is_last, np.rint(room / 2), np.floor(draws[:, 2 * _TRIES :] * (room + 1)))
    return np.hstack([corner, size]).astype(np.int64)
