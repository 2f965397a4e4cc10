"""RandAugment (Cubuk et al., arXiv:1909.13719): each image passes some operations that are drawn for it alone.

The operations and their strengths are those of the paper as torchvision has them: fourteen, each as likely as the
others, one of them the identity; a magnitude M from 0 to 30 is the share m = M / 30 of the strongest. The authors' own
code and timm count from 0 to 10, so that a 9 there is 27 here.

| operation                                | strength                                                                  |
| ---------------------------------------- | ------------------------------------------------------------------------- |
| identity, auto-contrast, equalize        | none                                                                      |
| shear along x or y                       | 0.3 m pixels a pixel from the upper left corner, to either side           |
| translation along x or y                 | 150 / 331 m of the width or height, whole pixels, to either side          |
| rotation                                 | 30 m degrees about the center, to either side                             |
| brightness, color, contrast, sharpness   | a factor of 1 + 0.9 m or 1 - 0.9 m                                        |
| posterize                                | 8 - round(4 m) bits stay                                                  |
| solarize                                 | values from 255 (1 - m) on are inverted                                   |

Values are whole gray levels between operations, and what comes into view from outside of an image has the mean color.
kornia's own class draws the same operations for all images of a batch and solarizes less at a larger magnitude, so its
single operations are used, where they are those of Pillow; random numbers come from the caller.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable

import torch
from torch import Tensor

from seplace.arrays import Floats
from seplace.datasets.augmentation import RandAugment
from seplace.errors import MissingPackage

Operation = Callable[[Tensor, Tensor], Tensor]
"""Maps images (N, C, H, W) of gray levels, float32 from 0 to 255, and signed strengths (N,) in -1 … 1 to images."""

STRONGEST = 30
"""The largest magnitude."""


def need_kornia() -> None:
    """Raise MissingPackage where kornia, which is an extra, is not installed."""
    if importlib.util.find_spec("kornia") is None:
        raise MissingPackage("randaugment needs the package kornia: pip install 'seplace[augment]'")


def randaugmented(images: Tensor, numbers: Floats, *, options: RandAugment, fill: Tensor) -> Tensor:
    """Return images after their operations.

    Args:
        images: Images (N, C, H, W) of uint8 with 1 or 3 channels, in any memory layout, which the result has too.
        numbers: Uniform numbers in [0, 1), (N, layers, 2): which operation, and to which side.
        options: The number of operations and their magnitude.
        fill: The mean color, (C,) of uint8.

    """
    augmented, outside = images.to(torch.float32), fill.to(torch.float32)
    for layer in range(options.layers):
        drawn = (numbers[:, layer, 0] * len(OPERATIONS)).astype(int)
        sides = torch.from_numpy(numbers[:, layer, 1] < 0.5).to(images.device)
        strengths = torch.where(sides, -1.0, 1.0) * (options.magnitude / STRONGEST)
        for number, operation in enumerate(OPERATIONS.values()):
            rows = torch.from_numpy((drawn == number).nonzero()[0]).to(images.device)
            if operation is None or not len(rows):
                continue
            some = augmented.index_select(0, rows)
            if operation in _GEOMETRIC:  # relative to the mean color, which is what comes in from outside
                changed = operation(some - outside[:, None, None], strengths[rows]) + outside[:, None, None]
            else:
                changed = operation(some, strengths[rows])
            augmented[rows] = changed.round_().clamp_(0, 255)
    return torch.empty_like(images).copy_(augmented)


def _warped(images: Tensor, matrices: Tensor) -> Tensor:
    """Move the pixels of each image by a matrix of pixel coordinates (N, 2, 3); what comes from outside is 0."""
    from kornia.geometry.transform import warp_affine

    size = (images.shape[2], images.shape[3])
    warped: Tensor = warp_affine(images, matrices, size, mode="bilinear", padding_mode="zeros", align_corners=True)
    return warped


def _unmoved(strengths: Tensor) -> Tensor:
    return torch.eye(2, 3, device=strengths.device).repeat(len(strengths), 1, 1)


def _shear_x(images: Tensor, strengths: Tensor) -> Tensor:
    matrices = _unmoved(strengths)
    matrices[:, 0, 1] = 0.3 * strengths
    matrices[:, 0, 2] = 0.15 * strengths  # the corner is half a pixel from the center of the first pixel
    return _warped(images, matrices)


def _shear_y(images: Tensor, strengths: Tensor) -> Tensor:
    matrices = _unmoved(strengths)
    matrices[:, 1, 0] = 0.3 * strengths
    matrices[:, 1, 2] = 0.15 * strengths
    return _warped(images, matrices)


def _translate_x(images: Tensor, strengths: Tensor) -> Tensor:
    matrices = _unmoved(strengths)
    matrices[:, 0, 2] = (150 / 331 * images.shape[3] * strengths).trunc()
    return _warped(images, matrices)


def _translate_y(images: Tensor, strengths: Tensor) -> Tensor:
    matrices = _unmoved(strengths)
    matrices[:, 1, 2] = (150 / 331 * images.shape[2] * strengths).trunc()
    return _warped(images, matrices)


def _rotate(images: Tensor, strengths: Tensor) -> Tensor:
    angles = math.radians(30) * strengths
    cosine, sine = angles.cos(), angles.sin()
    x, y = (images.shape[3] - 1) / 2, (images.shape[2] - 1) / 2
    first = torch.stack([cosine, sine, x - cosine * x - sine * y], dim=1)
    second = torch.stack([-sine, cosine, y + sine * x - cosine * y], dim=1)
    return _warped(images, torch.stack([first, second], dim=1))


def _brightness(images: Tensor, strengths: Tensor) -> Tensor:
    return images * (1 + 0.9 * strengths)[:, None, None, None]


def _color(images: Tensor, strengths: Tensor) -> Tensor:
    from kornia.enhance import adjust_saturation_with_gray_subtraction

    blended: Tensor = adjust_saturation_with_gray_subtraction(images / 255, 1 + 0.9 * strengths)
    return 255 * blended


def _contrast(images: Tensor, strengths: Tensor) -> Tensor:
    from kornia.enhance import adjust_contrast_with_mean_subtraction

    blended: Tensor = adjust_contrast_with_mean_subtraction(images / 255, 1 + 0.9 * strengths)
    return 255 * blended


def _sharpness(images: Tensor, strengths: Tensor) -> Tensor:
    from kornia.enhance import sharpness

    if min(images.shape[2:]) < 3:  # it looks at the eight neighbors of a pixel
        return images
    blended: Tensor = sharpness(images / 255, 1 + 0.9 * strengths)
    return 255 * blended


def _posterize(images: Tensor, strengths: Tensor) -> Tensor:
    step = 2.0 ** (4 * strengths.abs()).round()[:, None, None, None]
    return (images / step).floor() * step


def _solarize(images: Tensor, strengths: Tensor) -> Tensor:
    threshold = 255 * (1 - strengths.abs())[:, None, None, None]
    return torch.where(images < threshold, images, 255 - images)


def _auto_contrast(images: Tensor, _strengths: Tensor) -> Tensor:
    least, most = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(least < most, (images - least) * (255 / (most - least).clamp(min=1)), images)


def _equalize(images: Tensor, _strengths: Tensor) -> Tensor:
    from kornia.enhance import equalize

    equalized: Tensor = equalize((images + 0.25) / 255)  # it cuts values to whole levels, which must not be the next
    return 255 * equalized


OPERATIONS: dict[str, Operation | None] = {
    "identity": None,
    "shear x": _shear_x,
    "shear y": _shear_y,
    "translate x": _translate_x,
    "translate y": _translate_y,
    "rotate": _rotate,
    "brightness": _brightness,
    "color": _color,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "auto-contrast": _auto_contrast,
    "equalize": _equalize,
}
"""The operations by name, each as likely as the others; None leaves an image as it is."""

_GEOMETRIC = (_shear_x, _shear_y, _translate_x, _translate_y, _rotate)
