"""What may be done to training images at random; a value that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from seplace.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random crop, mirroring and cutout; each is off at 0 or False."""

    crop_padding: int
    """Pixels of the mean colour around the image, out of which its size is cut (4: He et al., 2016)."""
    flip: bool
    """Whether half of the images are mirrored left to right."""
    cutout: int
    """Side in pixels of a square of the mean colour around a random pixel (DeVries and Taylor, 2017)."""

    def __post_init__(self) -> None:
        for name in ("crop_padding", "cutout"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is at least 0 pixels, got {getattr(self, name)}")
