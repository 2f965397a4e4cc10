"""The figure of a front: the gain, or the metric itself, against extra cost."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator

from seplace.report.figures.front_view import FrontView, front_view, ticks_of, y_label
from seplace.report.figures.layout import groups_of, number_text, place_labels
from seplace.report.figures.style import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    Style,
    dress,
    empty_figure,
    finish,
    key,
    labels,
    new_figure,
    number,
    plain,
    style_of,
    width_of,
    write_ticks,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seplace.metric import Metric

_NEAREST = 3.0
"""Between front points with numbers of their own, in points."""
_LINEAR_DECADES = 0.5
"""The length of the linear part of a logarithmic axis, in decades."""
_BEYOND = 5.0
"""How far a mark of the axis may reach beyond its end, in points."""
_HIDDEN = 0.45
_MARKERS_OF_MODULES = {"plain": "X", "SE": "^", "CBAM": "s", "ECA": "D"}
"""Of the modules of our own baselines."""


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The placement that a figure marks."""

    placement: str
    name: str
    """What it is called beside its point, such as `knee`."""
    reason: str
    """What the legend says of it."""


def plot_front(
    placements: pd.DataFrame,
    metric: Metric,
    *,
    cost: str,
    unit: str,
    title: str,
    measured: str,
    verdict: str = "",
    absolute: bool = False,
    better: Collection[str] | None = None,
    pick: Pick | None = None,
    width: str | float | None = None,
    heading: bool = True,
) -> Figure:
    """Draw the gain over the plain backbone, with its 90 % credible interval, against the extra cost.

    `measured` says what the gain is of: the metric on the validation split, or on new images.
    With `absolute` the metric is drawn instead, and also where the plain backbone is not trained; the label of the
    axis says so. The seed effects that placements share are in the interval of a value, not in that of a gain.

    The front is a line with numbered points, filled for placements that are `better` than the plain backbone as the
    verdict says, and hollow for the others; a ring marks the `pick`. Baselines are marked, on the front or not;
    everything else that was trained is gray. Where dear placements would squeeze the front into an edge, the axis of
    the cost is logarithmic. Lines under the title hold the headline of the `verdict`, the number of trainings, and a
    note where the cost hardly moves over them. Arrows at an end of the y axis are intervals that go on. Before
    anything is trained there are axes with a sentence in them.
    """
    style = style_of(width)
    if placements.empty:
        y = y_label(metric, measured, is_gain=not absolute)
        return empty_figure(style, title if heading else "", x=f"extra {unit} over the plain backbone", y=y)
    view = front_view(
        placements, metric, cost=cost, unit=unit, measured=measured, verdict=verdict, absolute=absolute, better=better
    )
    figure = new_figure(style)
    axes = figure.add_subplot()
    dress(axes, style)
    body = 4.6 if style.is_wide else min(0.72 * style.width, 3.6)
    labels(
        axes,
        style,
        x=view.x_label,
        y=view.y_label,
        width=0.72 * style.width if not style.is_wide else 0.92 * (style.width - 3.2),
        height=0.8 * body,
    )
    axes.set_ylim(*view.limits)
    write_ticks(axes.yaxis)
    legends = _draw(axes, view, style, pick=pick)
    _scale(axes, view)
    said = [title, *view.heading] if heading else []
    finish(figure, style, body=body, heading=said, legends=legends)
    _mark(axes, view, style)
    _label(axes, view, style, metric, pick=pick)
    return figure


def _draw(axes: Axes, view: FrontView, style: Style, *, pick: Pick | None) -> list[tuple[str, Sequence[Line2D]]]:
    """Draw the points of a view, and return the legends."""
    points, front = view.points, view.front
    is_baseline = points["baseline"] != ""
    rest = points[~is_baseline & ~points["on_front"]]
    keys = []
    axes.step(front["x"], front["y"], where="post", color=BLUE, linewidth=2.4 * style.scale, alpha=0.35, zorder=2)
    filled = front[front["is_better"]] if view.has_verdict else front
    hollow = front.drop(filled.index)
    hollow = hollow[hollow["baseline"] != "plain"] if view.has_verdict else hollow
    for table, label, is_hollow in (
        (filled, "front, better than plain at 95 %" if view.has_verdict else "front", False),
        (hollow, "front, not shown to be better", True),
    ):
        if len(table):
            _points(axes, table, style, color=BLUE, size=8.0, label=label, hollow=is_hollow)
            keys.append(key(style, label, marker="o", size=8.0, hollow=is_hollow, color=BLUE))
    picked = points[points["placement"] == pick.placement] if pick is not None else points[:0]
    if pick is not None and len(picked):
        axes.plot(
            picked["x"], picked["y"], label="_pick", **_ring(style), zorder=4.5, color=INK, markerfacecolor="none"
        )
        ring = Line2D([], [], **_ring(style), color=INK, markerfacecolor="none", label=f"{pick.name}: {pick.reason}")
        keys.append(ring)
    if len(rest):
        _points(axes, rest, style, color=GRAY, size=3.8, label=view.rest, faint=True)
        keys.append(key(style, view.rest, marker="o", size=3.8, color=GRAY))
    keys.append(key(style, view.interval, marker="|", size=9.0, color="#555555"))
    if view.is_gain:
        axes.axhline(0.0, color=ORANGE, linewidth=1.2 * style.scale, linestyle="--", zorder=1)
    baselines, has_hollow = _baselines(axes, points[is_baseline], style, has_line=view.is_gain)
    said = "Baselines (hollow: last stage only)" if has_hollow else "Baselines"
    names = [key(style, name) for name in view.names]
    return [("", keys), (said, baselines), ("Front points (n seeds)", names)]


def _points(
    axes: Axes,
    table: pd.DataFrame,
    style: Style,
    *,
    color: str,
    size: float,
    label: str,
    faint: bool = False,
    hollow: bool = False,
) -> None:
    """Draw points with their intervals."""
    bars = np.stack([table["y"] - table["lower"], table["upper"] - table["y"]])
    _, _, drawn = axes.errorbar(
        table["x"],
        table["y"],
        yerr=bars.astype(float),
        fmt="o",
        color=color,
        markersize=size * style.scale,
        markerfacecolor="white" if hollow else color,
        markeredgewidth=1.4 * style.scale if hollow else None,
        elinewidth=(0.7 if faint else 1.3) * style.scale,
        label=label,
        zorder=2.2 if faint else 3,
    )
    for bar in drawn:
        bar.set_alpha(_HIDDEN if faint else 1.0)


def _baselines(axes: Axes, table: pd.DataFrame, style: Style, *, has_line: bool) -> tuple[list[Line2D], bool]:
    """Mark the baselines, on the front or not; return their keys, and whether some are hollow for their stage.

    Those on the front have an interval already; the intervals of the others are between it and the gray ones. With
    `has_line` the plain backbone is a dashed line as well.
    """
    modules = dict.fromkeys(name.split()[0] for name in table["baseline"])
    own = [module for module in modules if module not in _MARKERS_OF_MODULES]
    others = [name for name in table["baseline"] if " on " in name]
    keys = []
    for row in table.to_dict("records"):
        name = row["baseline"]
        marker, size, is_hollow = _style_on(others.index(name)) if name in others else _style(name, own)
        if not row["on_front"]:
            axes.plot(
                [row["x"]] * 2, [row["lower"], row["upper"]], color=ORANGE, linewidth=1.0 * style.scale, zorder=2.5
            )
        look: dict[str, Any] = {"color": ORANGE, "marker": marker, "markersize": size * style.scale, "linestyle": ""}
        look["markerfacecolor"] = "white" if is_hollow else ORANGE
        axes.plot(row["x"], row["y"], **look, label=plain(name), zorder=4)
        entry = Line2D([], [], **look, label=f"{name} backbone" if name == "plain" else name)
        if has_line and name == "plain":
            entry.set_linestyle("--")
        keys.append(entry)
    return keys, any("last" in name for name in table["baseline"])


def _style(baseline: str, own: Sequence[str]) -> tuple[str, float, bool]:
    """Return the marker of a baseline, its size, and whether it is hollow: filled if everywhere, hollow if in the last.

    Each module has a marker. `own` lists the user's own modules.
    """
    markers = _MARKERS_OF_MODULES | dict(zip(own, itertools.cycle("hvp8"), strict=False))
    return markers[baseline.split()[0]], 5.5, "last" in baseline


def _style_on(at: int) -> tuple[str, float, bool]:
    """Return the same for the plain network of another backbone of the space, numbered from 0."""
    return "XP*pHv<>"[at % 8], 6.5, False


def _ring(style: Style) -> dict[str, Any]:
    return {
        "marker": "o",
        "markersize": 13.0 * style.scale,
        "markeredgewidth": 1.5 * style.scale,
        "linestyle": "",
    }


def _scale(axes: Axes, view: FrontView) -> None:
    """Set the axis of the cost: its scale and its limits."""
    points = view.points
    if view.log_from is None:
        if points["x"].nunique() == 1:
            axes.set_xticks([points["x"].iloc[0]])
        axes.xaxis.set_major_formatter(lambda value, _: number(round(value, 9), "g"))
        return
    axes.set_xscale("symlog", linthresh=view.log_from, linscale=_LINEAR_DECADES)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: number(value, "g"))
    transform = axes.xaxis.get_transform()
    low, high = transform.transform(np.array([points["x"].min(), points["x"].max()], dtype=float))
    margin = 0.05 * (high - low)
    ends = transform.inverted().transform(np.array([low - margin, high + margin]))
    axes.set_xlim(*ends)
    axes.xaxis.set_major_locator(FixedLocator(ticks_of(*ends.tolist(), log_from=view.log_from)[:1]))  # keeps its room


def _mark(axes: Axes, view: FrontView, style: Style) -> None:
    """Mark a logarithmic axis where there is room, now that its length is known."""
    if view.log_from is None:
        return
    low, high = axes.get_xlim()
    chosen: list[tuple[float, float, float]] = []
    figure = axes.figure
    end = axes.get_window_extent().x1 * 72 / figure.dpi
    for tick in ticks_of(low, high, log_from=view.log_from):
        at = float(axes.transData.transform((tick, 0.0))[0]) * 72 / figure.dpi
        half = width_of(number(tick, "g"), size=style.small) / 2 + 3.0
        is_inside = at + half <= end + _BEYOND
        if is_inside and all(abs(at - other) >= half + reach for other, reach, _ in chosen):
            chosen.append((at, half, tick))
    axes.xaxis.set_major_locator(FixedLocator(sorted(tick for _, _, tick in chosen)))


def _label(axes: Axes, view: FrontView, style: Style, metric: Metric, *, pick: Pick | None) -> None:
    """Write the numbers of front points, and the values of means beyond the axis; draw arrows where intervals go on."""
    figure = axes.figure
    bottom, top = view.limits
    points, front = view.points, view.front
    per_point = 72 / figure.dpi

    def places_of(values: Any) -> Any:
        return axes.transData.transform(np.asarray(values, dtype=float).reshape(-1, 2)) * per_point

    texts: list[tuple[str, tuple[float, float], str]] = []
    front_points = list(front[["x", "y"]].itertuples(index=False, name=None))
    at = places_of(front_points)
    for group in groups_of(at, nearest=_NEAREST):
        named = pick is not None and pick.placement in set(front["placement"].iloc[group])
        texts.append((number_text(group) + (f" {pick.name}" if named and pick else ""), front_points[group[-1]], BLUE))
    for row in points.to_dict("records"):
        color = BLUE if row["on_front"] else ORANGE if row["baseline"] else GRAY
        for end, is_beyond, marker in ((bottom, row["lower"] < bottom, "v"), (top, row["upper"] > top, "^")):
            if is_beyond:
                axes.plot(
                    row["x"], end, marker=marker, color=color, markersize=5 * style.scale, clip_on=False, zorder=5
                )
        if not bottom <= row["y"] <= top:
            end = bottom if row["y"] < bottom else top
            spec = "+.1f" if view.is_gain else ".1f"
            if metric.unit != "%":
                spec = metric.spec(row["y"], signed=view.is_gain)
            texts.append((number(row["y"], spec), (row["x"], end), INK))
    size = style.small
    sizes = np.array([(width_of(text, size=size) + 1.0, 1.1 * size) for text, _, _ in texts]).reshape(-1, 2)
    shown = points[points["on_front"] | (points["baseline"] != "")]
    box = axes.get_window_extent()
    edge = 3.0 / per_point
    frame = tuple(each * per_point for each in (box.x0 + edge, box.y0 + edge, box.x1 - edge, box.y1 - edge))
    steps = np.hstack([at[:-1], np.stack([at[1:, 0], at[:-1, 1]], axis=1)]) + np.array([0.0, -1.0, 0.0, 1.0])
    picked = at[(front["placement"] == pick.placement).to_numpy()] if pick is not None else at[:0]
    bars = np.hstack([places_of(shown[["x", "lower"]]), places_of(shown[["x", "upper"]])])
    rest = places_of(points.drop(shown.index)[["x", "y"]])
    places = places_of([point for _, point, _ in texts])
    corners = place_labels(
        places,
        sizes,
        inside=frame,
        markers=np.vstack([_boxes(places_of(shown[["x", "y"]]), 4.5 * style.scale), _boxes(picked, 7.5 * style.scale)]),
        lines=np.vstack([steps, bars + np.array([-1.0, 0.0, 1.0, 0.0]), _boxes(rest, 2.0 * style.scale)]),
    )
    for (text, point, color), place, its_size, corner in zip(texts, places, sizes, corners, strict=True):
        if corner is None:
            continue
        middle = np.asarray(corner) + its_size / 2
        nearest = np.clip(place, corner, np.asarray(corner) + its_size)
        offset = middle - place
        is_far = float(np.hypot(*(nearest - place))) > 9.0
        axes.annotate(
            text,
            point,
            xytext=tuple(offset.tolist()),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
            if is_far
            else None,
            path_effects=[withStroke(linewidth=1.8, foreground="white")],
            zorder=6,
        )


def _boxes(middles: Any, half: float) -> Any:
    return np.hstack([middles - half, middles + half])
