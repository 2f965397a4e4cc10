"""How much of the variation of gates over images is between the classes of the images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PERMUTATIONS = 199
_PERMUTED_CHANNELS = 64


@dataclass(frozen=True, kw_only=True)
class ClassShare:
    """A share of variance between classes; NaN where there are not two classes with images to compare."""

    percent: float
    """Of the variance over images, corrected for chance: 0 on average where classes play no part."""
    p_value: float
    """The probability of as large a share where classes play no part, by permutation of the labels."""

    @property
    def is_shown(self) -> bool:
        """Whether the gates depend on the class: by at least 1 % of their variance, and not by chance (1 %)."""
        return self.percent >= 1 and self.p_value <= 0.01


def class_share(gates: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> ClassShare:
    """Return the share of the variance of gates (N, C) over images that is between classes, over all channels.

    The variances of all channels of all gates are summed before they are divided (ε², Kelley 1935). The permutation
    takes up to 64 channels of each gate that are evenly spaced, and the same permutations each time.
    """
    _, codes = np.unique(labels, return_inverse=True)
    images, classes = len(codes), int(codes.max(initial=-1)) + 1
    if classes < 2 or images <= classes:
        return ClassShare(percent=math.nan, p_value=math.nan)
    centered = [values - values.mean(0, dtype=np.float64) for values in gates]
    total = sum(float(np.square(values).sum()) for values in centered)
    if total == 0:
        return ClassShare(percent=0.0, p_value=1.0)
    counts = np.bincount(codes, minlength=classes)
    between = sum(_between(values, codes, counts) for values in centered)
    within = (total - between) / (images - classes)
    percent = 100 * max(0.0, 1 - within / (total / (images - 1)))
    some = np.concatenate([values[:, _evenly_spaced(values.shape[1])] for values in centered], axis=1)
    reached = _between(some, codes, counts) * (1 - 1e-9)
    random = np.random.default_rng(0)
    as_large = sum(_between(some, random.permutation(codes), counts) >= reached for _ in range(_PERMUTATIONS))
    return ClassShare(percent=percent, p_value=(1 + as_large) / (1 + _PERMUTATIONS))


def _between(centered: NDArray[np.float64], codes: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """Return the sum of squares between classes, over all channels of (N, C) values with mean 0."""
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(centered[order], starts, axis=0)
    return float((np.square(sums) / counts[:, None]).sum())


def _evenly_spaced(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, _PERMUTED_CHANNELS)).astype(np.int64)
