"""The metric of a study: the number that a training reports, its direction, and how it is shown.

**Value**: the number times the metric's scale, in its unit, which is what is stored and shown. **Score**: the value
where it is maximized and its negative where it is minimized, which is what the model, the samplers and the fronts see:
larger is better. A gain is a difference of scores in the unit of the value, so that it is positive where it is better.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

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

    @property
    def best_score(self) -> float | None:
        """The score that none exceeds; None where there is none."""
        bound = self.upper if self.is_maximized else self.lower
        return None if bound is None else self.score(bound)

    @property
    def worst_score(self) -> float | None:
        """The score that none falls below; None where there is none."""
        bound = self.lower if self.is_maximized else self.upper
        return None if bound is None else self.score(bound)

    def loss(self, score: float) -> float:
        """Return what a score lacks to the best one; its negative where there is no best one."""
        return (self.best_score or 0.0) - score

    def text(self, value: float) -> str:
        """Return a value with its unit: `81.25 %`, `3.141 mm`, `0.6123`."""
        digits = 2 if self.unit == "%" else digits_of(value)
        return f"{value:.{digits}f} {self.unit}".rstrip()

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
)
"""The metric of the built-in recipe: the share of images that are classified right, in percent."""


def digits_of(value: float) -> int:
    """Return the decimals with which a value has four significant digits, at most eight."""
    if not math.isfinite(value) or value == 0:
        return 2
    return min(max(3 - math.floor(math.log10(abs(value))), 0), 8)


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
