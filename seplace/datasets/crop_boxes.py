"""Boxes of random resized crops, for images of any sizes. Needs NumPy only, so that decoders may crop, too."""

from __future__ import annotations

import math
from typing import NamedTuple

from seplace.arrays import Floats
from seplace.datasets.augmentation import RandomResizedCrop

ATTEMPTS = 10
"""The number of boxes that are drawn for an image until one fits into it, as in torchvision."""

BOX_NUMBERS = (ATTEMPTS + 1, 2)
"""The shape of the uniform numbers that the box of one image takes: areas and ratios, and at last its place."""


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


def crop_box(numbers: Floats, *, height: int, width: int, crop: RandomResizedCrop) -> Box:
    """Return a random box of an image.

    A box has an area that is uniform in `scale`, as a share of the image, and a ratio of width to height whose
    logarithm is uniform in that of `ratio`; its place is uniform among those inside the image. Of ten boxes the first
    that fits is taken; where none does, the largest centered box whose ratio is allowed, of at least a pixel. It is the
    definition of torchvision's `RandomResizedCrop.get_params`, after Szegedy et al. (arXiv:1409.4842).

    An image is cropped at a time, since the first box mostly fits: plain numbers take less time than arrays then.

    Args:
        numbers: Uniform numbers in [0, 1) of shape BOX_NUMBERS.
        height: The height of the image in pixels.
        width: Its width.
        crop: The areas and ratios.

    """
    (least, most), (narrow, wide) = crop.scale, crop.ratio
    *attempts, (down, right) = numbers.tolist()
    for of_area, of_ratio in attempts:
        area = (least + (most - least) * of_area) * (height * width)
        ratio = math.exp(math.log(narrow) + (math.log(wide) - math.log(narrow)) * of_ratio)
        box_width, box_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 1 <= box_width <= width and 1 <= box_height <= height:
            top, left = int(down * (height - box_height + 1)), int(right * (width - box_width + 1))
            return Box(top, left, box_height, box_width)
    box_height = min(max(round(width / narrow), 1), height)
    box_width = min(max(round(height * wide), 1), width)
    return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)
