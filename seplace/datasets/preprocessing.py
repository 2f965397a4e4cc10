"""What an image goes through before the network when a study measures its accuracy, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

from seplace.errors import InputError

Resampling = Literal["pillow", "torch"]
"""The library that resizes: Pillow images that are decoded from files, torch arrays of pixels. They round apart."""

_OF_ARRAYS = frozenset({"digits", "cifar10", "cifar100", "plain_tiles", "switched_tiles"})
"""The data sets of arrays; those of studies before 0.15 are known by their names alone."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The steps from an image to the input of a network, in their order.

    The image is rotated as its EXIF orientation says, and converted to `channel_order`. Its center square is resized to
    `size` pixels a side with `interpolation` (antialiased) and rounded to 8 bits. Pixels are divided by `divisor`;
    `mean` is subtracted, and the result divided by `std`. The layout is (N, C, H, W).
    """

    channel_order: Literal["RGB", "L"]
    """`RGB`, or `L` for one channel of gray."""
    crop: Literal["center_square"] = "center_square"
    size: int
    interpolation: Literal["bilinear"] = "bilinear"
    resampling: Resampling
    divisor: int = 255
    mean: tuple[float, ...]
    """For each channel, of pixels in 0 … 1."""
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("channel_order", "crop", "interpolation", "resampling"):
            allowed = get_args(_LITERALS[name])
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} of images is {' or '.join(allowed)}, got {getattr(self, name)!r}")
        if self.size < 1 or self.divisor < 1:
            raise InputError(f"size and divisor are at least 1, got {self.size} and {self.divisor}")
        if not len(self.mean) == len(self.std) == self.channels:
            raise InputError(
                f"{self.channels} channels need as many means and deviations (got {self.mean}, {self.std})"
            )
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise InputError(f"means are finite and deviations over 0 (got {self.mean} and {self.std})")

    @property
    def channels(self) -> int:
        """The number of channels."""
        return 3 if self.channel_order == "RGB" else 1

    @classmethod
    def of_study(cls, images: Mapping[str, Any], *, data: str) -> Self | None:
        """Return the preprocessing of a study; None where it is not known, or its images have other channels.

        Args:
            images: The description of its images, as its evaluator gave it. One of the user's own may leave out the
                statistics.
            data: The name of its data set.

        """
        channel_order = {1: "L", 3: "RGB"}.get(images["channels"])
        if channel_order is None or not images.get("mean") or not images.get("std"):
            return None
        return cls.of_record(
            {
                "channel_order": channel_order,
                "size": images["image_size"],
                "resampling": images.get("resampling", "torch" if data in _OF_ARRAYS else "pillow"),
                "mean": images["mean"],
                "std": images["std"],
            }
        )

    def to_record(self) -> dict[str, Any]:
        """Return the steps as plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the preprocessing of a record, as `to_record` gave it."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**fields)


_LITERALS: Mapping[str, Any] = {
    "channel_order": Literal["RGB", "L"],
    "crop": Literal["center_square"],
    "interpolation": Literal["bilinear"],
    "resampling": Resampling,
}
