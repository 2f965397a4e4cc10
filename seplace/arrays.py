"""Types of NumPy arrays that many modules name, and one bit an image."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TOLERANCE = 1e-4
"""The most points by which an accuracy may differ from that of its images: it may come from single precision."""


@dataclass(frozen=True, kw_only=True)
class ImageBits:
    """One bit for each image of a split, in its order: whether a network classified it right."""

    count: int
    """The number of images."""
    packed: bytes
    """Eight images a byte, the first in the highest bit, as numpy.packbits has them."""

    def __post_init__(self) -> None:
        if self.count < 1 or len(self.packed) != (self.count + 7) // 8:
            raise ValueError(f"{len(self.packed)} bytes do not hold one bit for each of {self.count} images")
        if self.packed[-1] & ((1 << -self.count % 8) - 1):
            raise ValueError(f"there are bits behind those of {self.count} images")

    @classmethod
    def of(cls, right: NDArray[np.bool_]) -> Self:
        """Pack truth values (images,)."""
        return cls(count=len(right), packed=np.packbits(right).tobytes())

    @classmethod
    def from_record(cls, record: dict[str, int | str]) -> Self:
        """Read a record of `to_record`; raises ValueError, TypeError or KeyError for anything else."""
        try:
            packed = base64.b85decode(str(record["packed"]))
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"bits of images cannot be read ({error})") from error
        return cls(count=int(record["count"]), packed=packed)

    def to_record(self) -> dict[str, int | str]:
        """Return the bits as plain JSON types."""
        return {"count": self.count, "packed": base64.b85encode(self.packed).decode()}

    def unpacked(self) -> NDArray[np.bool_]:
        """Return the truth values (images,)."""
        return np.unpackbits(np.frombuffer(self.packed, dtype=np.uint8), count=self.count).astype(bool)

    @property
    def right(self) -> int:
        """The number of images that were classified right."""
        return int.from_bytes(self.packed).bit_count()

    @property
    def accuracy(self) -> float:
        """The share of images that were classified right, in percent."""
        return 100 * self.right / self.count


def check_correct(correct: object, accuracy: float | None) -> None:
    """Raise TypeError where `correct` is no bits of images, and ValueError where their accuracy is another."""
    if correct is None:
        return
    if not isinstance(correct, ImageBits):
        made = "seplace.arrays.ImageBits.of makes it of truth values (images,)"
        raise TypeError(f"correct is an ImageBits, not a {type(correct).__name__}: {made}")
    if accuracy is None or abs(accuracy - correct.accuracy) > _TOLERANCE:
        found = f"correct has {correct.right} of {correct.count} images right, {correct.accuracy:.4f} %"
        raise ValueError(f"{found}, and the accuracy is {accuracy}")
