"""The random augmentation of training images, as values that need no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from seplace.errors import InputError
from seplace.files.schema import Positive, Section

_Share = Annotated[float, Field(gt=0, le=1)]


class RandomResizedCrop(Section):
    """A random part of each image, resized to the size of the images (Szegedy et al., arXiv:1409.4842)."""

    scale: tuple[_Share, _Share] = (0.08, 1.0)
    """The least and the largest area of the part, as shares of the image."""
    ratio: tuple[Positive, Positive] = (0.75, 1.3333)
    """The least and the largest width of the part over its height."""


class RandAugment(Section):
    """Operations drawn at random for each image (Cubuk et al., arXiv:1909.13719); needs `seplace[augment]`."""

    layers: Annotated[int, Field(ge=1, le=16)]
    """The number of operations that an image passes one after the other, N in the paper."""
    magnitude: Annotated[int, Field(ge=0, le=30)]
    """Their strength, M in the paper, from 0 to 30 as in torchvision; a 9 of timm, which counts to 10, is 27 here."""


class Mixing(Section):
    """Batches in which each image is mixed with another one of the batch, and its label too."""

    alpha: Positive
    """The share λ of the image itself is drawn from Beta(alpha, alpha), once a batch."""
    probability: _Share = 1.0
    """The share of the batches that are mixed so."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to training images at random; each is off at 0, False or None."""

    crop_padding: int
    """Pixels of the mean color padded on each side before a random crop (4 in He et al., arXiv:1512.03385)."""
    flip: bool
    """Whether half of the images are flipped left to right."""
    cutout: int
    """Side in pixels of a square of the mean color around a random pixel (DeVries and Taylor, arXiv:1708.04552)."""
    random_resized_crop: RandomResizedCrop | None = None
    """A random part of each image in place of the crop of a padded one."""
    randaugment: RandAugment | None = None
    """Random operations on the pixels, after crop and flip."""
    mixup: Mixing | None = None
    """Batches whose images are weighted means of two (Zhang et al., arXiv:1710.09412)."""
    cutmix: Mixing | None = None
    """Batches in which a box of each image comes from another one (Yun et al., arXiv:1905.04899)."""

    def __post_init__(self) -> None:
        for name in ("crop_padding", "cutout"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is at least 0 pixels, got {getattr(self, name)}")
        if self.crop_padding and self.random_resized_crop is not None:
            raise InputError("images are cropped either with crop_padding or by random_resized_crop, not both")
        if sum(mixing.probability for mixing in (self.mixup, self.cutmix) if mixing is not None) > 1:
            raise InputError("the probabilities of mixup and cutmix add up to at most 1")
