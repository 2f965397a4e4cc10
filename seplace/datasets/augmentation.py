"""The random augmentation of training images, as a value that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from seplace.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random crop, horizontal flip and cutout; each is off at 0 or False."""

    crop_padding: int
    """Pixels of the mean color padded on each side before a random crop (4 in He et al., arXiv:1512.03385)."""
    flip: bool
    """Whether half of the images are flipped left to right."""
    cutout: int
    """Side in pixels of a square of the mean color around a random pixel (DeVries and Taylor, arXiv:1708.04552)."""

    def __post_init__(self) -> None:
        for name in ("crop_padding", "cutout"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is at least 0 pixels, got {getattr(self, name)}")
