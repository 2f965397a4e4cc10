"""Boxes of random resized crops, for images of any sizes. Needs NumPy only, so that decoders may crop, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.datasets.augmentation import RandomResizedCrop

ATTEMPTS = 10
"""The number of boxes that are drawn for an image until one fits into it, as in torchvision."""

BOX_NUMBERS = (ATTEMPTS + 1, 2)
"""The shape of the uniform numbers that the box of one image takes: areas and ratios, and at last its place."""


def crop_boxes(
    numbers: Floats, heights: NDArray[np.int64], widths: NDArray[np.int64], *, crop: RandomResizedCrop
) -> NDArray[np.int64]:
    """Return the top, left, height and width in pixels of a random box of each image, (N, 4).

    A box has an area that is uniform in `scale`, as a share of the image, and a ratio of width to height whose
    logarithm is uniform in that of `ratio`; its place is uniform among those inside the image. Of ten boxes the first
    that fits is taken; where none does, the largest centered box whose ratio
    is allowed, of at least a pixel. It is the definition of
    torchvision's `RandomResizedCrop.get_params`, after Szegedy et al. (arXiv:1409.4842).

    Args:
        numbers: Uniform numbers in [0, 1) of shape (N, *BOX_NUMBERS).
        heights: The heights of the images in pixels, (N,).
        widths: Their widths, (N,).
        crop: The areas and ratios.

    """
    (least, most), (narrow, wide) = crop.scale, crop.ratio
    areas = (least + (most - least) * numbers[:, :-1, 0]) * (heights * widths)[:, None]
    ratios = np.exp(np.log(narrow) + (np.log(wide) - np.log(narrow)) * numbers[:, :-1, 1])
    tried_widths = np.rint(np.sqrt(areas * ratios)).astype(np.int64)
    tried_heights = np.rint(np.sqrt(areas / ratios)).astype(np.int64)
    fits = (tried_widths >= 1) & (tried_widths <= widths[:, None])
    fits &= (tried_heights >= 1) & (tried_heights <= heights[:, None])
    image, first = np.arange(len(numbers)), fits.argmax(axis=1)
    box_heights, box_widths = tried_heights[image, first], tried_widths[image, first]
    tops = (numbers[:, -1, 0] * (heights - box_heights + 1)).astype(np.int64)
    lefts = (numbers[:, -1, 1] * (widths - box_widths + 1)).astype(np.int64)
    drawn = np.stack([tops, lefts, box_heights, box_widths], axis=1)
    return np.where(fits.any(axis=1)[:, None], drawn, _centered(heights, widths, crop=crop))


def _centered(heights: NDArray[np.int64], widths: NDArray[np.int64], *, crop: RandomResizedCrop) -> NDArray[np.int64]:
    narrow, wide = crop.ratio
    box_heights = np.clip(np.rint(widths / narrow).astype(np.int64), 1, heights)
    box_widths = np.clip(np.rint(heights * wide).astype(np.int64), 1, widths)
    return np.stack([(heights - box_heights) // 2, (widths - box_widths) // 2, box_heights, box_widths], axis=1)
