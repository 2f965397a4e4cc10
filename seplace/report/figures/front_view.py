"""What the figure of a front shows: points, limits, labels and names, computed before anything is drawn."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seplace.interval import LEVEL
from seplace.results.verdict import counted

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric

_NARROW_PERCENT = 5.0
_MOST_NAMES = 40
"""Of front points in the legend, which shall not make the figure a strip."""
_MANY = 150
"""Of other placements, from which their intervals would be a carpet."""
_LEAST_SPAN = 0.2
"""Of the y axis, in points: no figure enlarges differences that are smaller than anyone reports."""
_FAR = 3.0
"""Interquartile ranges beyond a quartile: what is farther may be left out of the y axis."""
_WORTH = 2.0
"""Times that the y axis may become longer to show that too."""
_MARGIN = 0.05
_LEFT_FIFTH = 0.2
"""Where half of the front points stand left of that share of the axis, a logarithmic one spreads them."""
_STEPS = (1.0, 2.0, 5.0)
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True, kw_only=True)
class FrontView:
    """The figure of a front before it is drawn."""

    points: pd.DataFrame
    """One row for each placement, cheapest first: x, y, lower, upper (in units of the axes), baseline, on_front,
    is_better (than the plain backbone at 95 %, as the verdict says).

    The intervals of very many others that are neither baselines nor on the front are left out: both ends are y.
    """
    is_gain: bool
    """Whether y is the gain over the plain backbone; else it is the value of the metric."""
    limits: tuple[float, float]
    """The ends of the y axis."""
    log_from: float | None
    """The extra cost from which the x axis is logarithmic, linear below; None where it is linear."""
    x_label: str
    y_label: str
    heading: tuple[str, ...]
    """The lines under the title."""
    names: tuple[str, ...]
    """The front points by their numbers, from 1, with their numbers of seeds."""
    has_verdict: bool
    """Whether it is known which front points are better than the plain backbone."""
    rest: str
    """The name of the others in the legend."""
    interval: str
    """The name of points and bars in the legend."""

    @property
    def front(self) -> pd.DataFrame:
        """The front points, cheapest first."""
        return self.points[self.points["on_front"]]


def front_view(
    placements: pd.DataFrame,
    metric: Metric,
    *,
    cost: str,
    unit: str,
    measured: str,
    verdict: str,
    absolute: bool,
    better: Collection[str] | None = None,
) -> FrontView:
    """Return what the figure of a table of placements shows; the table has at least one row.

    The gain is shown unless `absolute`. It is unknown until the plain backbone is trained: then the accuracy is shown
    XX
    """
    is_known = bool(placements[["gain", "gain_lower", "gain_upper"]].notna().to_numpy().all())
    is_gain = is_known and not absolute
    shown = "gain" if is_gain else metric.column
    extra = placements[f"extra_{cost}"].to_numpy(dtype=float)
    scale, prefix = _scale_of(np.abs(extra).max(initial=0.0))
    points = placements[["placement", "baseline", "on_front", "n"]].assign(
        x=extra / scale, y=placements[shown], lower=placements[f"{shown}_lower"], upper=placements[f"{shown}_upper"]
    )
    points = points.sort_values("x", kind="stable", ignore_index=True)
    others = ~points["on_front"] & (points["baseline"] == "")
    if has_many := int(others.sum()) > _MANY:
        points.loc[others, ["lower", "upper"]] = points.loc[others, ["y", "y"]].to_numpy()
    limits = limits_of(points, least=least_span_of(metric))
    points["is_better"] = points["placement"].isin(list(better or ()))
    log_from = log_from_of(points)
    plain = float(placements[cost].iloc[0] - extra[0])
    plain_scale, plain_prefix = _scale_of(plain)
    spread = 100 * float(np.ptp(extra)) / plain if plain else 0.0
    heading = [*filter(None, [headline(verdict)]), _trainings(placements)]
    if len(points) > 1 and spread < _NARROW_PERCENT:
        by = f"{spread:.2g} %" if spread >= 0.01 else "less than 0.01 %"
        heading[-1] += f"; their {unit or cost} differ by {by}"
    if beyond := int(((points["lower"] < limits[0]) | (points["upper"] > limits[1])).sum()):
        heading[-1] += f"; {beyond} {'interval' if beyond == 1 else 'intervals'} cut at the arrows"
    return FrontView(
        points=points,
        is_gain=is_gain,
        limits=limits,
        log_from=log_from,
        x_label=f"extra {prefix}{unit} over the plain backbone, "
        f"which has {plain / plain_scale:.4g} {plain_prefix}{unit}"
        + ("" if log_from is None else f" (log scale beyond {log_from:g})"),
        y_label=y_label(metric, measured, is_gain=is_gain, is_known=is_known),
        heading=tuple(heading),
        names=_names(points[points["on_front"]]),
        has_verdict=is_gain and better is not None,
        interval=f"posterior mean, {100 * LEVEL:.0f} % credible interval{' of the gain' * is_gain}",
        rest="other trained, without intervals" if has_many else "other trained",
    )


def headline(verdict: str) -> str:
    """Return the first statement of a verdict, without its figures and reasons."""
    return re.split(r": (?=[-+]\d)|; |, and | \(|\. |\.$", verdict, maxsplit=1)[0]


def log_from_of(points: pd.DataFrame) -> float | None:
    """Return the extra cost from which an axis is logarithmic, 1, 2 or 5 times a power of ten; None for a linear axis.

    It is where dear placements, such as CBAM everywhere or a wider network, would squeeze the front into an edge.
    """
    costs = points.loc[points["on_front"] & (points["x"] != 0), "x"].abs().to_numpy(dtype=float)
    span = float(np.ptp(points["x"].to_numpy(dtype=float)))
    if len(costs) < 2 or float(np.median(costs)) >= _LEFT_FIFTH * span:
        return None
    least = max(float(costs.min()), span / 1000)
    power = 10.0 ** np.floor(np.log10(least))
    return float(power * max(step for step in _STEPS if step * power <= least * (1 + 1e-9)))


def ticks_of(low: float, high: float, *, log_from: float) -> list[float]:
    """Return what may be marked on an axis that is logarithmic from an extra cost, the most wanted first.

    Zero, the ends of the linear part, powers of ten, and 5 and 2 times these.
    """
    reach = max(abs(low), abs(high))
    powers = 10.0 ** np.arange(np.floor(np.log10(log_from)), np.ceil(np.log10(reach)) + 1)
    sizes = [log_from, *(step * power for step in (1.0, 5.0, 2.0) for power in powers[::-1])]
    wanted = [0.0, *(sign * size for size in sizes if size >= log_from for sign in (1, -1))]
    return list(dict.fromkeys(float(f"{each:.6g}") for each in wanted if low <= each <= high))


def least_span_of(metric: Metric) -> float:
    """Return the least span of an axis of values or gains: 0.2 points; of other metrics nothing is known of it."""
    return _LEAST_SPAN if metric.unit == "%" else 0.0


def limits_of(points: pd.DataFrame, *, least: float) -> tuple[float, float]:
    """Return the ends of the y axis, at least a span apart, for points with y, lower and upper.

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
    least = least or 1e-6 * max(abs(low), abs(high)) or 1.0
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _names(front_points: pd.DataFrame) -> tuple[str, ...]:
    rows = zip(front_points["placement"], front_points["n"], strict=True)
    names = [f"{at}  {name} (n = {n})" for at, (name, n) in enumerate(rows, start=1)]
    kept = names[:_MOST_NAMES]
    return (*kept, *([f"… and {len(names) - len(kept)} more in front.csv"] if len(kept) < len(names) else []))


def _trainings(placements: pd.DataFrame) -> str:
    """Return how many trainings a figure rests on, and how many seeds."""
    fewest, most = int(placements["n"].min()), int(placements["n"].max())
    seeds = counted(most, "seed")
    if fewest < most:
        seeds = f"{fewest} {'or' if most == fewest + 1 else 'to'} {seeds}"
    trainings, count = int(placements["n"].sum()), len(placements)
    return f"{counted(trainings, 'training')} of {counted(count, 'placement')}, {seeds}{' each' * (count > 1)} (n)"


def y_label(metric: Metric, measured: str, *, is_gain: bool, is_known: bool = True) -> str:
    """Return the label of an axis of gains, or of values; `is_known` says whether gains would be."""
    if is_gain:
        word = "of" if metric.is_maximized else "less"
        return (
            f"gain over plain, in {metric.gain_unit} {word} {measured}" if metric.gain_unit else f"gain in {measured}"
        )
    direction = "" if metric.is_maximized else ", lower is better"
    return f"{measured}{metric.in_unit}{direction}{'' if is_known else ' (plain is not trained)'}"


def _scale_of(value: float) -> tuple[float, str]:
    """Return the greatest scale that a value reaches, and its prefix."""
    return next((scale, prefix) for scale, prefix in _SCALES if value >= scale or scale == 1.0)
