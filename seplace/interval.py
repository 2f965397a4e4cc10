"""Estimates with an interval: their columns in tables, and their text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
"""The probability of a credible interval, and the level of a bootstrap interval."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and the bounds of its interval; each is NaN where it is not defined."""

    value: float
    """The estimate: a posterior mean, a median, or the statistic of a whole sample."""
    lower: float
    upper: float

    @classmethod
    def of_draws(cls, draws: NDArray[np.float64]) -> Interval:
        """Return the mean and the credible interval (LEVEL) of draws (n,) of a posterior distribution."""
        lower, upper = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(value=float(draws.mean()), lower=float(lower), upper=float(upper))

    @classmethod
    def of_resamples(cls, statistics: NDArray[np.float64]) -> Interval:
        """Return the percentile bootstrap interval (LEVEL) of statistics (1 + resamples,), the whole sample's first.

        Resamples in which the statistic is not finite are left out.
        """
        resampled = statistics[1:][np.isfinite(statistics[1:])]
        if not np.isfinite(statistics[0]) or not len(resampled):
            return UNKNOWN
        lower, upper = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(value=float(statistics[0]), lower=float(lower), upper=float(upper))

    @classmethod
    def of_error(cls, value: float, error: float) -> Interval:
        """Return an estimate with the interval (LEVEL) of a normal distribution with a standard error."""
        reach = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2) * error
        return cls(value=value, lower=value - reach, upper=value + reach)

    @classmethod
    def quartiles(cls, values: Sequence[float]) -> Interval:
        """Return the median and the quartiles of at least two values, interpolated between neighbors."""
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(value=median, lower=lower, upper=upper)

    @classmethod
    def of_row(cls, row: Mapping[Any, Any], name: str) -> Interval:
        """Read the columns that `columns` writes."""
        return cls(value=row[name], lower=row[f"{name}_lower"], upper=row[f"{name}_upper"])

    def columns(self, name: str) -> dict[str, float]:
        """Return `name`, `name_lower` and `name_upper`, as tables have them."""
        return {name: self.value, f"{name}_lower": self.lower, f"{name}_upper": self.upper}

    def negated(self) -> Interval:
        """Return the interval of the negative."""
        return Interval(value=0.0 - self.value, lower=0.0 - self.upper, upper=0.0 - self.lower)

    def clipped(self, low: float | None, high: float | None) -> Interval:
        """Return the interval with the estimate and both bounds moved into a range, which may be open."""
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        value, lower, upper = (min(max(each, low), high) for each in (self.value, self.lower, self.upper))
        return Interval(value=value, lower=lower, upper=upper)

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    def __format__(self, spec: str) -> str:
        """Return `1.20 [0.45, 1.98]`, each number by `spec`; the estimate alone without bounds, empty without one.

        No number is -0.00.
        """
        if math.isnan(self.value):
            return ""
        spec = spec.replace(".", "z.")
        value, lower, upper = (format(each, spec) for each in (self.value, self.lower, self.upper))
        return value if math.isnan(self.lower) or math.isnan(self.upper) else f"{value} [{lower}, {upper}]"


UNKNOWN = Interval(value=math.nan, lower=math.nan, upper=math.nan)
"""The interval of an unknown quantity."""
