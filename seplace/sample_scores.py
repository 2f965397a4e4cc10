"""One score for each sample of a split, by a training of the user's own: the metric is their mean."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats, ImageBits, check_correct

TOLERANCE = 1e-3
"""The largest difference of a metric to the mean of its samples, as a share of their root mean square."""

MOST = 20_000_000
"""The most samples: a ledger of unknown origin may claim any number of them, and compressed zeros take no room."""

_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class SampleScores:
    """One number for each sample of a split, in its order and in the unit of the metric: their mean is the metric."""

    count: int
    """The number of samples."""
    packed: bytes
    """The numbers in single precision, all first bytes before all second ones, compressed by zlib."""

    def __post_init__(self) -> None:
        """Raise ValueError where the bytes hold something else than `count` finite numbers."""
        if self.count < 1:
            raise ValueError("there are scores of no sample")
        if self.count > MOST:
            raise ValueError(f"there are scores of {self.count:,} samples, and at most {MOST:,} are kept")
        if not np.isfinite(self.unpacked()).all():
            raise ValueError("the score of a sample is not finite")

    @classmethod
    def of(cls, scores: Floats | NDArray[np.float32]) -> Self:
        """Pack the numbers (samples,)."""
        single = np.ascontiguousarray(scores, dtype="<f4")
        by_byte = single.view(np.uint8).reshape(-1, _BYTES).T
        return cls(count=len(single), packed=zlib.compress(by_byte.tobytes()))

    @classmethod
    def from_record(cls, record: dict[str, int | str]) -> Self:
        """Read a record of `to_record`; raises ValueError, TypeError or KeyError for anything else."""
        try:
            packed = base64.b85decode(str(record["scores"]))
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"scores of samples cannot be read ({error})") from error
        return cls(count=int(record["count"]), packed=packed)

    def to_record(self) -> dict[str, int | str]:
        """Return the numbers as plain JSON types."""
        return {"count": self.count, "scores": base64.b85encode(self.packed).decode()}

    def unpacked(self) -> Floats:
        """Return the numbers (samples,)."""
        size = _BYTES * self.count
        try:
            content = zlib.decompressobj().decompress(self.packed, size + 1)
        except zlib.error as error:
            raise ValueError(f"scores of samples cannot be read ({error})") from error
        if len(content) != size:
            raise ValueError(f"{len(content)} bytes do not hold a number for each of {self.count} samples")
        by_byte = np.frombuffer(content, dtype=np.uint8).reshape(_BYTES, -1)
        return np.ascontiguousarray(by_byte.T).view("<f4").ravel().astype(np.float64)

    @property
    def mean(self) -> float:
        """The mean over samples."""
        return float(self.unpacked().mean())


Samples = ImageBits | SampleScores
"""What is known of each sample of a split: whether it was classified right, or its score."""


def samples_from_record(record: dict[str, int | str]) -> Samples:
    """Read a record of either kind; raises ValueError, TypeError or KeyError for anything else."""
    return SampleScores.from_record(record) if "scores" in record else ImageBits.from_record(record)


def points_of(samples: Samples) -> NDArray[np.floating[Any]]:
    """Return what each sample adds to the metric (samples,), in its unit: 0 or 100 where it was classified."""
    if isinstance(samples, SampleScores):
        return samples.unpacked()
    return 100 * samples.unpacked().astype(np.float32)


def check_sample_scores(scores: object, value: float | None) -> None:
    """Raise TypeError where `scores` are no scores of samples, and ValueError where their mean is not the metric."""
    if scores is None:
        return
    if not isinstance(scores, SampleScores):
        made = "seplace.sample_scores.SampleScores.of makes them of numbers (samples,)"
        raise TypeError(f"sample_scores is a SampleScores, not a {type(scores).__name__}: {made}")
    if value is None or not has_mean(scores.unpacked(), value):
        raise ValueError(f"the mean of sample_scores is {scores.mean:.6g}, and the metric is {value}")


def check_samples(correct: object, sample_scores: object, value: float | None) -> None:
    """Raise TypeError or ValueError where either is something else, or its mean is not the metric, or both are given.

    `correct` are bits of images, `sample_scores` numbers of samples; either may be None.
    """
    check_correct(correct, value)
    check_sample_scores(sample_scores, value)
    if correct is not None and sample_scores is not None:
        raise ValueError("correct and sample_scores say the same of each sample: give one of them")


def has_mean(scores: Floats, value: float) -> bool:
    """Return whether the mean of some scores is a value, up to the error of single precision."""
    size = max(abs(value), math.sqrt(float(np.square(scores).mean())))
    return abs(float(scores.mean()) - value) <= TOLERANCE * size
