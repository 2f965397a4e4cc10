"""Figures, from tables. The only place that imports a plotting library."""

from __future__ import annotations

import io
import itertools
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from seplace.errors import InputError
from seplace.files.atomic import write_atomically
from seplace.files.plain_text import printable
from seplace.report.front_view import FrontView, front_view, groups_of, lifts_of, number_text, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_INK, _GRAY, _BLUE, _ORANGE = "#222222", "#b5b5b5", "#1f5fa8", "#d1671f"
_SURE = 0.95
_NEAREST = 8.0
"""Between front points with numbers of their own, in points."""
_LEFT = 0.01
"""Where titles begin, as a share of the width of a figure."""
_COLORS = ("#1f5fa8", "#d1671f", "#2f8f5b", "#8a4fa3", "#b03a48", "#6b6b6b", "#a8871f", "#2a9aa8")
_MARKERS = "o^sDvP*<>Xhp"
_UNDATED: dict[str, dict[str, Any] | None] = {".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def plot_front(
    placements: pd.DataFrame,
    *,
    cost: str,
    unit: str,
    title: str,
    measured: str,
    verdict: str = "",
    absolute: bool = False,
) -> Figure:
    """Draw the gain over the plain backbone, with its 90 % credible interval, against the extra cost.

    `measured` says which accuracy the gain is of: that of the validation split, or that on new images.
    With `absolute` the accuracy is drawn instead, and also where the plain backbone is not trained; the label of the
    axis says so. The seed effects that placements share are in the interval of an accuracy, not in that of a gain.

    The front is a line with numbered points; baselines are marked, on the front or not; everything else that was
    trained is gray. Lines under the title hold the headline of the `verdict`, the number of trainings, and a note where
    the cost hardly moves over them. Arrows at an end of the y axis are intervals that go on. Before anything is trained
    there are axes with a sentence in them.
    """
    unit = _plain(unit)
    if placements.empty:
        y = f"{measured} in %" if absolute else f"gain over plain, in points of {measured}"
        return _empty(title, f"extra {unit} over the plain backbone", y)
    view = front_view(placements, cost=cost, unit=unit, measured=measured, verdict=verdict, absolute=absolute)
    points = view.points
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel=view.x_label, ylabel=view.y_label)
    axes.yaxis.label.set_fontsize(9.5)
    axes.set_ylim(*view.limits)
    if points["x"].nunique() == 1:
        axes.set_xticks([points["x"].iloc[0]])
    is_baseline = points["baseline"] != ""
    rest = points[~is_baseline & ~points["on_front"]]
    keys = [_points(axes, rest, color=_GRAY, marker="o", size=4, label=view.rest, faint=True)] if len(rest) else []
    front = view.front
    axes.step(front["x"], front["y"], where="post", color=_BLUE, linewidth=2.4, alpha=0.35, zorder=2)
    if len(front):
        keys.append(_points(axes, front, color=_BLUE, marker="o", size=8.5, label="front"))
    if view.is_gain:
        axes.axhline(0.0, color=_ORANGE, linewidth=1.2, linestyle="--", zorder=1)
    keys += _baselines(axes, points[is_baseline], has_line=view.is_gain)
    keys += [Line2D([], [], linestyle="", label=name) for name in view.names]
    lines = sum(str(key.get_label()).count("\n") + 1 for key in keys)
    figure.set_size_inches(10.0, max(5.2, 1.0 + 0.19 * lines))
    heading = axes.set_title("\n".join(map(_plain, view.heading)), loc="left", x=_LEFT, fontsize=9, color=_INK)
    heading.set_transform(blended_transform_factory(figure.transFigure, heading.get_transform()))
    figure.suptitle(_plain(textwrap.fill(title, 80)), x=_LEFT, ha="left", fontsize=11, color=_INK)
    axes.grid(color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=8.5)
    figure.draw_without_rendering()  # lays the axes out: how far points are apart depends on it
    _arrows(axes, view)
    _numbers(axes, front, dpi=figure.dpi)
    return figure


def plot_bench(records: pd.DataFrame, *, title: str) -> Figure:
    """Draw latency, or parameters, against extra FLOPs in %: a color for each backbone, a marker for each placement.

    Latency is a ratio to that of the plain backbone, with its quartiles. Where it was not measured, extra parameters in
    % are drawn. The plain backbone is the gray line.
    """
    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    has_latency = "latency_ratio" in records
    column = "latency_ratio" if has_latency else "extra_params_percent"
    table = records[records["name"] != "plain"]
    colors = dict(zip(records["backbone"].unique(), itertools.cycle(_COLORS), strict=False))
    markers = dict(zip(table["name"].unique(), itertools.cycle(_MARKERS), strict=False))
    axes.axhline(1.0 if has_latency else 0.0, color=_GRAY, linewidth=1.4, zorder=1)
    for row in table.to_dict("records"):
        value = row[column]
        bars = _bars(row, column) if has_latency else None
        axes.errorbar(
            row["extra_flops_percent"],
            value,
            yerr=bars,
            fmt=markers[row["name"]],
            color=colors[row["backbone"]],
            markersize=6.5,
            elinewidth=1.0,
            zorder=3,
        )
    axes.set_xlabel("extra FLOPs over the plain backbone in %")
    axes.set_ylabel(
        "latency of one image ÷ plain, median and quartiles"
        if has_latency
        else "extra parameters over the plain backbone in %"
    )
    axes.set_title(_plain(title), loc="left", fontsize=11, color=_INK)
    axes.grid(color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    keys = [Line2D([], [], color=_GRAY, linewidth=1.4, label="plain backbone")]
    keys += [Line2D([], [], color=color, linewidth=4, label=name) for name, color in colors.items()]
    keys += [Line2D([], [], color=_INK, marker=marker, linestyle="", label=name) for name, marker in markers.items()]
    figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def plot_effects(effects: pd.DataFrame, *, title: str) -> Figure:
    """Draw the effect of each choice with its 90 % credible interval: a panel for each stage, and one for backbones.

    Each module has a color. A filled marker says that the sign is known with 95 % probability.
    """
    table = effects[effects["kind"].isin(["choice", "backbone"])] if len(effects) else effects
    if table.empty:
        return _empty(title, "effect on accuracy in points over no attention in the stage", "")
    stages = list(table["stage"].unique())
    counts = [int((table["stage"] == stage).sum()) for stage in stages]
    figure = Figure(figsize=(8.0, 1.1 + 0.22 * sum(counts) + 0.45 * len(stages)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(stages), 1, sharex=True, squeeze=False, height_ratios=counts)[:, 0]
    modules = [re.split(r"[\d.\[]", name)[0] for name in table["name"]]
    colors = dict(zip(dict.fromkeys(modules), itertools.cycle(_COLORS), strict=False))
    for axes, stage in zip(panels, stages, strict=True):
        rows = table[table["stage"] == stage].iloc[::-1]
        for height, row in enumerate(rows.to_dict("records")):
            color = colors[re.split(r"[\d.\[]", row["name"])[0]]
            is_sure = max(row["p_positive"], 1 - row["p_positive"]) >= _SURE
            axes.plot([row["effect_lower"], row["effect_upper"]], [height] * 2, color=color, linewidth=1.6)
            axes.plot(
                row["effect"],
                height,
                marker="o",
                markersize=5,
                color=color,
                markerfacecolor=color if is_sure else "white",
            )
        axes.axvline(0, color=_GRAY, linewidth=1.2, zorder=0)
        axes.set_yticks(range(len(rows)), rows["name"], fontsize=8)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_title(f"stage {stage}" if stage else "backbone, over the first", loc="left", fontsize=9, color=_INK)
        axes.grid(axis="x", color="#e8e8e8", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[-1].set_xlabel(
        "effect on accuracy in points, over no attention in the stage\n"
        "posterior mean, 90 % credible interval; filled: the sign is known with 95 % probability"
    )
    figure.suptitle(_plain(title), x=_LEFT, ha="left", fontsize=11, color=_INK)
    return figure


def plot_simulation(summary: pd.DataFrame, *, title: str) -> Figure:
    """Draw the true hypervolume that each sampler reaches against trainings, with its 95 % band over repetitions.

    Each problem has a row of panels, each recommendation a column, and each sampler a color.
    """
    problems, recommendations = list(summary["problem"].unique()), list(summary["recommendation"].unique())
    size = (5.2 * len(recommendations), 0.5 + 3.4 * len(problems))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(problems), len(recommendations), sharex="row", sharey="row", squeeze=False)
    colors = dict(zip(summary["sampler"].unique(), itertools.cycle(_COLORS), strict=False))
    for row, problem in enumerate(problems):
        for column, recommendation in enumerate(recommendations):
            axes = panels[row, column]
            shown = summary[(summary["problem"] == problem) & (summary["recommendation"] == recommendation)]
            for sampler, curve in shown.groupby("sampler", sort=False):
                axes.fill_between(
                    curve["trainings"],
                    curve["hypervolume_lower"],
                    curve["hypervolume_upper"],
                    color=colors[sampler],
                    alpha=0.18,
                    linewidth=0,
                )
                axes.plot(curve["trainings"], curve["hypervolume"], color=colors[sampler], marker="o", markersize=3.5)
            axes.set_title(_plain(f"{problem}: {recommendation} front"), loc="left", fontsize=10, color=_INK)
            axes.set_xscale("log")  # equal steps are equal ratios: half the trainings, a quarter
            axes.set_xticks(sorted(shown["trainings"].unique()), minor=False)
            axes.xaxis.set_major_formatter("{x:.0f}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.grid(color="#e8e8e8", linewidth=0.8)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
            if row + 1 == len(problems):
                axes.set_xlabel("trainings")
            if column == 0:
                axes.set_ylabel("true hypervolume ÷ attainable")
    repetitions = summary.groupby("sampler")["repetitions"].min()
    keys = [
        Line2D([], [], color=color, linewidth=3, label=f"{name}, n = {repetitions[name]}")
        for name, color in colors.items()
    ]
    figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=9)
    figure.suptitle(_plain(title), x=_LEFT, ha="left", fontsize=11, color=_INK)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as .png, .svg or .pdf; the same figure gives the same bytes."""
    if path.suffix not in _UNDATED:
        raise InputError(f"{path}: figures are written as {', '.join(_UNDATED)}")
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "seplace"}):  # else the names inside an SVG are drawn at random
        figure.savefig(buffer, format=path.suffix[1:], dpi=160, metadata=_UNDATED[path.suffix])
    write_atomically(path, buffer.getvalue())


def _plain(title: str) -> str:
    """Return a title or a unit with dollars escaped, so that they begin no formula."""
    return printable(title).replace("$", r"\$")


def _empty(title: str, x: str, y: str) -> Figure:
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel=x, ylabel=y, xticks=[], yticks=[])
    axes.set_title(_plain(title), loc="left", fontsize=11, color=_INK)
    axes.text(0.5, 0.5, "no training is complete yet", ha="center", va="center", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _bars(row: Any, column: str) -> NDArray[np.float64]:
    """Return how far the interval of a column reaches down and up, in a row or in each row of a table: (2, rows)."""
    value, lower, upper = (np.atleast_1d(row[f"{column}{end}"]) for end in ("", "_lower", "_upper"))
    return np.stack([value - lower, upper - value]).astype(float)


def _points(
    axes: Axes, table: pd.DataFrame, *, color: str, marker: str, size: float, label: str, faint: bool = False
) -> Line2D:
    """Draw points with their intervals, and return their key for the legend."""
    bars = np.stack([table["y"] - table["lower"], table["upper"] - table["y"]])
    _, _, drawn = axes.errorbar(
        table["x"],
        table["y"],
        yerr=bars.astype(float),
        fmt=marker,
        color=color,
        markersize=size,
        elinewidth=0.7 if faint else 1.3,
        label=label,
        zorder=2.2 if faint else 3,
    )
    for bar in drawn:
        bar.set_alpha(0.45 if faint else 1.0)
    return Line2D([], [], linestyle="", marker=marker, color=color, markersize=size, label=label)


def _baselines(axes: Axes, table: pd.DataFrame, *, has_line: bool) -> list[Line2D]:
    """Mark the baselines, on the front or not, and return their keys for the legend.

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
            axes.plot([row["x"]] * 2, [row["lower"], row["upper"]], color=_ORANGE, linewidth=1.0, zorder=2.5)
        style: dict[str, Any] = {"color": _ORANGE, "marker": marker, "markersize": size, "linestyle": ""}
        style["markerfacecolor"] = "white" if is_hollow else _ORANGE
        axes.plot(row["x"], row["y"], **style, label=name, zorder=4)
        keys.append(Line2D([], [], **style, label=wrapped(name)))
        if has_line and name == "plain":
            keys[-1].set_linestyle("--")
    return keys


def _arrows(axes: Axes, view: FrontView) -> None:
    """Draw arrows at the ends of the y axis where an interval goes on, and the mean where that is beyond it too."""
    bottom, top = view.limits
    for row in view.points.to_dict("records"):
        color = _BLUE if row["on_front"] else _ORANGE if row["baseline"] else _GRAY
        for end, is_beyond, marker in ((bottom, row["lower"] < bottom, "v"), (top, row["upper"] > top, "^")):
            if is_beyond:
                axes.plot(row["x"], end, marker=marker, color=color, markersize=5, clip_on=False, zorder=5)
        if not bottom <= row["y"] <= top:
            place, offset = (bottom, (5, 3)) if row["y"] < bottom else (top, (5, -10))
            text = f"{row['y']:{'+' if view.is_gain else ''}.1f}".replace("-", "\N{MINUS SIGN}")
            axes.annotate(text, (row["x"], place), offset, textcoords="offset points", fontsize=8, color=_INK)


_MARKERS_OF_MODULES = {"plain": "X", "SE": "^", "CBAM": "s", "ECA": "D"}
"""Of the modules of our own baselines."""


def _style(baseline: str, own: Sequence[str]) -> tuple[str, float, bool]:
    """Return the marker of a baseline, its size, and whether it is hollow: filled if everywhere, hollow if in the last.

    Each module has a marker. `own` lists the user's own modules.
    """
    markers = _MARKERS_OF_MODULES | dict(zip(own, itertools.cycle("hvp8"), strict=False))
    return markers[baseline.split()[0]], 6.5, "last" in baseline


def _style_on(number: int) -> tuple[str, float, bool]:
    """Return the same for the plain network of another backbone of the space, numbered from 0."""
    return "XP*pHv<>"[number % 8], 7.5, True


def _numbers(axes: Axes, front: pd.DataFrame, *, dpi: float) -> None:
    """Write the numbers of front points at their upper left, where no other placement can be."""
    at = front[["x", "y"]].to_numpy(dtype=float)
    places = axes.transData.transform(at) * 72 / dpi
    # Numbers of points that almost coincide stand together: one would hide the other.
    groups = groups_of(places, nearest=_NEAREST)
    texts = [number_text(group) for group in groups]
    last = [group[-1] for group in groups]
    for point, text, lift in zip(last, texts, lifts_of(places[last], texts), strict=True):
        axes.annotate(
            text,
            at[point].tolist(),
            xytext=(-4, 5 + lift),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color=_BLUE,
            path_effects=[withStroke(linewidth=2.0, foreground="white")],
            zorder=5,
        )
