"""Types of NumPy arrays that many modules name, and one bit an image."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
    def accuracy(self) -> float:
        """The share of images that were classified right, in percent."""
        return 100 * float(self.unpacked().mean())
