"""The unit in which the model and the samplers count scores, so that no study depends on the scale of its metric.

A study whose metric is multiplied by 100, or negated and minimized, is to be the same study. Nearly all that is done
with scores is the same on any scale but for the last digits, and these decide between candidates that are equally
good. So scores of metrics of the user's own are counted in a unit that the scores themselves give, and rounded: the
numbers are then the same on every scale. Accuracy is counted in percent, as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from seplace.arrays import Floats
from seplace.metric import Metric

_DIGITS = 10
"""Digits of a score: more than single precision has, and few enough that errors of rounding leave them alone."""

_DIGITS_OF_VARIANCE = 4
"""Digits of a variance over samples: its standard error is some percent, and samples are in single precision."""


@dataclass(frozen=True, kw_only=True)
class ScoreUnit:
    """A unit of scores."""

    size: float = 1.0
    """The unit, in that of the metric."""
    is_own: bool = False
    """Whether it is that of a metric of the user's own: scores are rounded."""

    @classmethod
    def of(cls, metric: Metric, scores: Iterable[float]) -> Self:
        """Return the unit that some scores give: the largest of them, whatever its sign; 1 where all are 0."""
        if metric.is_accuracy:
            return cls()
        return cls(size=max(map(abs, scores), default=0.0) or 1.0, is_own=True)

    def count(self, score: float) -> float:
        """Return a score in this unit."""
        return _rounded(score / self.size, _DIGITS) if self.is_own else score

    def counts(self, scores: Floats) -> Floats:
        """Return scores (n,) in this unit."""
        return np.array([self.count(score) for score in scores.tolist()]) if self.is_own else scores

    def variance(self, variance: float) -> float:
        """Return a variance in the square of this unit."""
        return _rounded(variance / self.size**2, _DIGITS_OF_VARIANCE) if self.is_own else variance


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")
