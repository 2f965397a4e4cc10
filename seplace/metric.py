"""The metric of a study: the number that a training reports, its direction, and how it is shown.

**Value**: the number times the metric's scale, in its unit, which is what is stored and shown. **Score**: the value
where it is maximized and its negative where it is minimized, which is what the model, the samplers and the fronts see:
larger is better. A gain is a difference of scores in the unit of the value, so that it is positive where it is better.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seplace.arrays import Floats
    from seplace.interval import Interval

_PERCENT_DIGITS = 2

MOST_DECIMALS = 8
"""The most decimals of a number that is shown; with more, small ones are in powers of ten."""
SMALL = 1e-3
"""The size below which a number is small."""
_ROUNDING = 1e-12
"""The relative spread of values that rounding alone gives."""

Goal = Literal["maximize", "minimize"]

_TAKEN = re.compile(
    r"placement|variant|stage\d+|baseline|on_front|n|gain|test_\w+|observed_\w+|extra_\w+|p_\w+|best_baseline|seeds?"
    r"|epochs?|state|seconds|device|attempts|reason|reached|score|cross_entropy\w*|train_loss|learning_rate|top5_accuracy"
    r"|flops|macs|params|latency_ms|trained|trained_on|list|label|paper\w*|kind|name|effect|trainings|hypervolume"
)
"""Names that the tables have for other columns."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What placements are compared by."""

    name: str
    """The name under which a training reports it, such as `val_miou`."""
    goal: Goal
    scale: float = 1.0
    """What the reported number is multiplied by."""
    unit: str = ""
    """The unit of the value: `%`, `mm`; empty for a number without one."""
    label: str
    """How headings and axes call it."""
    test_name: str
    """The name under which it is reported of the test split."""
    lower: float | None = None
    upper: float | None = None
    """The bounds of the value, in its unit; None where it has none."""
    digits: int | None = None
    """The decimals with which values and gains are shown; None until some are known."""

    @property
    def is_accuracy(self) -> bool:
        """Whether it is that of the built-in recipe, which classifies images."""
        return self == ACCURACY

    @property
    def is_maximized(self) -> bool:
        """Whether a larger value is better."""
        return self.goal == "maximize"

    def value_of(self, reported: float) -> float:
        """Return the value of a reported number, in the unit."""
        return reported if self.scale == 1 else reported * self.scale

    def score(self, value: float) -> float:
        """Return the score of a value: larger is better."""
        return value if self.is_maximized else 0.0 - value

    def value(self, score: float) -> float:
        """Return the value of a score."""
        return score if self.is_maximized else 0.0 - score

    @property
    def sign(self) -> float:
        """1 where it is maximized, -1 where it is minimized."""
        return 1.0 if self.is_maximized else -1.0

    def scores(self, values: Floats) -> Floats:
        """Return the scores of values."""
        return self.sign * values

    def losses(self, values: Floats) -> Floats:
        """Return the losses of values: smaller is better."""
        return (self.best_score or 0.0) - self.scores(values)

    @property
    def best_score(self) -> float | None:
        """The largest score that is possible; None where the metric has no bound there."""
        bound = self.upper if self.is_maximized else self.lower
        return None if bound is None else self.score(bound)

    @property
    def worst_score(self) -> float | None:
        """The smallest score that is possible; None where the metric has no bound there."""
        bound = self.lower if self.is_maximized else self.upper
        return None if bound is None else self.score(bound)

    def loss(self, score: float) -> float:
        """Return what a score lacks to the best one; its negative where there is no best one."""
        return (self.best_score or 0.0) - score

    def with_digits_for(self, values: Sequence[float]) -> Metric:
        """Return the metric with decimals that fit the spread of values: three digits of a standard deviation."""
        if self.digits is not None or not values:
            return self
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        is_known = spread > _ROUNDING * abs(mean)
        return replace(self, digits=_decimals(spread, significant=3) if is_known else _decimals(mean, significant=4))

    def spec(self, value: float, *, signed: bool = False) -> str:
        """Return the format of numbers like a value, such as `.2f`, or `+.2f` where they are differences.

        Where they need more decimals than are read, small ones are in powers of ten: `.2e`.
        """
        digits = _decimals(value, significant=4) if self.digits is None else self.digits
        if digits > MOST_DECIMALS and abs(value) < SMALL:
            if value == 0:
                return f"{'+' * signed}.0f"
            return f"{'+' * signed}.{min(max(math.floor(math.log10(abs(value))) + digits, 1), 4)}e"
        return f"{'+' * signed}.{digits}f"

    def number(self, value: float, *, signed: bool = False) -> str:
        """Return a value without its unit, or a difference with its sign; never -0.00."""
        return format(value, self.spec(value, signed=signed).replace(".", "z."))

    def text(self, value: float) -> str:
        """Return a value with its unit: `81.25 %`, `3.141 mm`, `0.6123`."""
        return f"{self.number(value)} {self.unit}".rstrip()

    def gain(self, gain: float, *, signed: bool = True) -> str:
        """Return a gain with its unit: `+1.20 points`, `+0.31 mm`."""
        return f"{self.number(gain, signed=signed)} {self.gain_unit}".rstrip()

    def interval(self, interval: Interval, *, signed: bool = False) -> str:
        """Return an estimate with its bounds, without a unit; empty where it is not known."""
        return format(interval, self.spec(interval.value, signed=signed))

    def plus_minus(self, value: float, error: float, *, signed: bool = False) -> str:
        """Return `81.00 ± 0.25`; the value alone if its error is NaN, empty if the value is NaN."""
        if math.isnan(value):
            return ""
        text, spec = self.number(value, signed=signed), self.spec(value or error)
        return text if math.isnan(error) else f"{text} ± {format(error, spec)}"

    def rough(self, gain: float) -> str:
        """Return a gain with its unit and two digits: `1.3 points`, `0.42 points`, `0.031 mm`."""
        digits = 1 if gain >= 0.95 and self.unit == "%" else max(_decimals(gain, significant=2), 0)
        number = f"{gain:.{digits}f}" if gain >= 0.95 else f"{gain:.2g}"
        return f"{number} {self.gain_unit}".rstrip()

    @property
    def gain_unit(self) -> str:
        """The unit of gains: points of a percentage; may be empty."""
        return "points" if self.unit == "%" else self.unit

    @property
    def in_gain_unit(self) -> str:
        """`in points`, `in mm`, or nothing, with a space before it."""
        return f" in {self.gain_unit}" if self.gain_unit else ""

    @property
    def in_unit(self) -> str:
        """`in %`, `in mm`, or nothing, with a space before it."""
        return f" in {self.unit}" if self.unit else ""

    @property
    def heading(self) -> str:
        """The heading of a column: `accuracy %`, `error mm`, `IoU`."""
        return f"{self.label} {self.unit}".rstrip()

    @property
    def test_heading(self) -> str:
        """The heading of a column for the test split: `test %`, `test mm`, `test IoU`."""
        return f"test {self.unit or self.label}"

    @property
    def in_parentheses(self) -> str:
        """`Accuracy (%)`, `MIoU (%)`, `Error (mm)`, `IoU`: the heading of a table or an axis in print."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def title(self) -> str:
        """The label as a sentence begins with it."""
        return f"{self.label[:1].upper()}{self.label[1:]}"

    @property
    def samples(self) -> str:
        """What the splits of the data consist of, in words."""
        return "images" if self.is_accuracy else "samples"

    @property
    def test_column(self) -> str:
        """The name of its column for the test split."""
        return f"test_{self.column}"

    @property
    def column(self) -> str:
        """The name of its column in tables: `miou` of `val_miou`; an identifier."""
        return column_of(self.name)


ACCURACY = Metric(
    name="accuracy",
    goal="maximize",
    unit="%",
    label="accuracy",
    test_name="test_accuracy",
    lower=0.0,
    upper=100.0,
    digits=_PERCENT_DIGITS,
)
"""The metric of the built-in recipe: the share of images that are classified right, in percent."""


def digits_of(unit: str) -> int | None:
    """Return the decimals of values in a unit; None where they depend on the values."""
    return _PERCENT_DIGITS if unit == "%" else None


def _decimals(value: float, *, significant: int) -> int:
    """Return the decimals with which a value has some significant digits."""
    if not math.isfinite(value) or value == 0:
        return 2
    return max(significant - 1 - math.floor(math.log10(abs(value))), 0)


def column_of(name: str) -> str:
    """Return the name of a column for a metric by its name."""
    found = re.sub(r"\W", "_", name[4:] if _is_of_validation(name) else name)
    return f"metric_{found}" if not found[:1].isalpha() or _TAKEN.fullmatch(found) else found


def test_name_of(name: str) -> str:
    """Return the name of a metric on the test split: `test` in the place of `val`, or in front."""
    if _is_of_validation(name):
        return f"test{name[3:]}"
    return f"test_{name}"


def _is_of_validation(name: str) -> bool:
    return name.startswith(("val_", "val/")) and len(name) > len("val_")
