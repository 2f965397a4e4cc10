"""What the figure of a front shows: points, limits, labels and names, computed before anything is drawn."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.interval import LEVEL
from seplace.results.verdict import counted

if TYPE_CHECKING:
    import pandas as pd

_NARROW_PERCENT = 5.0
_NAME_WIDTH, _HEADING_WIDTH = 34, 98
_MOST_LINES = 40
"""Of names of front points: the legend shall not make the figure a strip."""
_MANY = 150
"""Of other placements, from which their intervals would be a carpet."""
_LEAST_SPAN = 0.2
"""Of the y axis, in points: no figure enlarges differences that are smaller than anyone reports."""
_FAR = 3.0
"""Interquartile ranges beyond a quartile: what is farther may be left out of the y axis."""
_WORTH = 2.0
"""Times that the y axis may become longer to show that too."""
_MARGIN = 0.05
_LINE = 9.0
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_ESTIMATE = f"posterior mean, {100 * LEVEL:.0f} % credible interval"


@dataclass(frozen=True, kw_only=True)
class FrontView:
    """The figure of a front before it is drawn."""

    points: pd.DataFrame
    """One row for each placement, cheapest first: x, y, lower, upper (in units of the axes), baseline, on_front.

    The intervals of very many others that are neither baselines nor on the front are left out: both ends are y.
    """
    is_gain: bool
    """Whether y is the gain over the plain backbone; else it is the accuracy."""
    limits: tuple[float, float]
    """The ends of the y axis."""
    x_label: str
    y_label: str
    heading: tuple[str, ...]
    """The lines under the title."""
    names: tuple[str, ...]
    """The front points by their numbers, from 1, with their numbers of seeds."""
    rest: str
    """The name of the others in the legend."""

    @property
    def front(self) -> pd.DataFrame:
        """The front points, cheapest first."""
        return self.points[self.points["on_front"]]


def front_view(
    placements: pd.DataFrame, *, cost: str, unit: str, measured: str, verdict: str, absolute: bool
) -> FrontView:
    """Return what the figure of a table of placements shows; the table has at least one row.

    The gain is shown unless `absolute`. It is unknown until the plain backbone is trained: then the accuracy is shown
    instead, and the label of the axis says why. `measured` names the accuracy in that label. The heading begins with
    the headline of the `verdict`, if there is one.
    """
    is_known = bool(placements[["gain", "gain_lower", "gain_upper"]].notna().to_numpy().all())
    is_gain = is_known and not absolute
    shown = "gain" if is_gain else "accuracy"
    extra = placements[f"extra_{cost}"].to_numpy(dtype=float)
    scale, prefix = _scale_of(np.abs(extra).max(initial=0.0))
    points = placements[["placement", "baseline", "on_front", "n"]].assign(
        x=extra / scale, y=placements[shown], lower=placements[f"{shown}_lower"], upper=placements[f"{shown}_upper"]
    )
    points = points.sort_values("x", kind="stable", ignore_index=True)
    others = ~points["on_front"] & (points["baseline"] == "")
    if has_many := int(others.sum()) > _MANY:
        points.loc[others, ["lower", "upper"]] = points.loc[others, ["y", "y"]].to_numpy()
    limits = limits_of(points)
    plain = float(placements[cost].iloc[0] - extra[0])
    plain_scale, plain_prefix = _scale_of(plain)
    spread = 100 * float(np.ptp(extra)) / plain if plain else 0.0
    heading = [*textwrap.wrap(headline(verdict), _HEADING_WIDTH), _trainings(placements)]
    if len(points) > 1 and spread < _NARROW_PERCENT:
        by = f"{spread:.2g} %" if spread >= 0.01 else "less than 0.01 %"
        heading[-1] += f"; their {unit or cost} differ by {by}"
    if beyond := int(((points["lower"] < limits[0]) | (points["upper"] > limits[1])).sum()):
        heading[-1] += f"; {beyond} {'interval' if beyond == 1 else 'intervals'} cut at the arrows"
    return FrontView(
        points=points,
        is_gain=is_gain,
        limits=limits,
        x_label=f"extra {prefix}{unit} over the plain backbone, "
        f"which has {plain / plain_scale:.4g} {plain_prefix}{unit}",
        y_label=_y_label(measured, is_gain=is_gain, is_known=is_known),
        heading=tuple(heading),
        names=_names(points[points["on_front"]]),
        rest="other trained, without intervals" if has_many else "other trained",
    )


def headline(verdict: str) -> str:
    """Return the first statement of a verdict, without its figures and reasons."""
    return re.split(r": (?=[-+]\d)|; |, and | \(|\. |\.$", verdict, maxsplit=1)[0]


def limits_of(points: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the y axis for points with y, lower and upper.

    All means and intervals are between them, unless some that are far from the rest would more than double the axis;
    the means of front points always are.
    """
    ends = points[["y", "lower", "upper"]].to_numpy(dtype=float)
    uncertain = ends[ends[:, 1] < ends[:, 2]]  # the plain backbone has no interval of its gain over itself
    first, third = np.quantile(uncertain if len(uncertain) else ends, [0.25, 0.75])
    reach = _FAR * (third - first)
    near = ends[(ends >= first - reach) & (ends <= third + reach)]
    kept = np.concatenate([near, points.loc[points["on_front"], "y"].to_numpy(dtype=float)])
    low, high = float(kept.min()), float(kept.max())
    room = (_WORTH - 1) * (high - low)
    share = 1.0 if np.ptp(ends) <= high - low + room else 0.5
    low, high = float(ends[ends >= low - share * room].min()), float(ends[ends <= high + share * room].max())
    if high - low < _LEAST_SPAN:
        low, high = (low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def groups_of(places: NDArray[np.float64], *, nearest: float) -> list[list[int]]:
    """Group successive places (n, 2) that are nearer than `nearest` to the one before, in both directions.

    A group does not reach over more than three times that: of a long row each group keeps near its points.
    """
    groups: list[list[int]] = []
    for at, place in enumerate(places):
        if groups:
            first, last = (np.abs(place - places[groups[-1][end]]).max() for end in (0, -1))
            if last < nearest and first < 3 * nearest:
                groups[-1].append(at)
                continue
        groups.append([at])
    return groups


def number_text(group: Sequence[int]) -> str:
    """Return the numbers, from 1, of successive positions: `3`, `3, 4` or `3-6`."""
    numbers = [str(at + 1) for at in group]
    return ", ".join(numbers) if len(numbers) < 3 else f"{numbers[0]}-{numbers[-1]}"


def lifts_of(places: NDArray[np.float64], texts: Sequence[str]) -> list[float]:
    """Return how far each label, at the upper left of its place (n, 2), is lifted off those before it; in points.

    Labels are of font size 8.
    """
    boxes: list[tuple[float, float, float]] = []
    lifts = []
    for (x, y), text in zip(places, texts, strict=True):
        left = x - sum(5.1 if character.isdigit() else 2.7 for character in text)
        lift = 0.0
        while any(left < right and x > start and abs(y + lift - level) < _LINE for start, right, level in boxes):
            lift += _LINE / 2
        boxes.append((left, x, y + lift))
        lifts.append(lift)
    return lifts


def wrapped(name: str, *, indent: str = "") -> str:
    """Return a name of the legend in lines: broken before its backbone, and where it is long between its parts."""
    lines = [""]
    for piece in re.findall(rf"\([^)]*\)|[@\[]?[^-\s:@\[]{{1,{_NAME_WIDTH}}}[-\s:]?|.", name):
        if lines[-1] and (piece[0] == "@" or len(lines[-1]) + len(piece.rstrip()) > _NAME_WIDTH):
            lines.append("")
        lines[-1] += piece
    return f"\n{indent}".join(line.rstrip() for line in lines)


def _names(front_points: pd.DataFrame) -> tuple[str, ...]:
    rows = zip(front_points["placement"], front_points["n"], strict=True)
    names = [f"{at}  {wrapped(f'{name} (n = {n})', indent='    ')}" for at, (name, n) in enumerate(rows, start=1)]
    lines = np.cumsum([name.count("\n") + 1 for name in names])
    kept = names[: int((lines <= _MOST_LINES).sum())]
    return (*kept, *([f"… and {len(names) - len(kept)} more in front.csv"] if len(kept) < len(names) else []))


def _trainings(placements: pd.DataFrame) -> str:
    """Return how many trainings a figure rests on, and how many seeds."""
    fewest, most = int(placements["n"].min()), int(placements["n"].max())
    seeds = counted(most, "seed")
    if fewest < most:
        seeds = f"{fewest} {'or' if most == fewest + 1 else 'to'} {seeds}"
    trainings, count = int(placements["n"].sum()), len(placements)
    return f"{counted(trainings, 'training')} of {counted(count, 'placement')}, {seeds}{' each' * (count > 1)} (n)"


def _y_label(measured: str, *, is_gain: bool, is_known: bool) -> str:
    if is_gain:
        return f"gain over plain, in points of {measured}:\n{_ESTIMATE} of the gain"
    return f"{measured} in %{'' if is_known else ' (plain is not trained)'}:\n{_ESTIMATE}"


def _scale_of(value: float) -> tuple[float, str]:
    """Return the greatest scale that a value reaches, and its prefix."""
    return next((scale, prefix) for scale, prefix in _SCALES if value >= scale or scale == 1.0)
