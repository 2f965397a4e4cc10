"""The figures of effects: each choice with its interval, a panel a stage; and a heat map of stages and choices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Rectangle

from seplace.report.figures.style import (
    GRAY,
    INK,
    Style,
    dress,
    empty_figure,
    finish,
    key,
    new_figure,
    number,
    plain,
    style_of,
    width_of,
    wrapped,
    write_ticks,
)
from seplace.stage_strip import module_color, module_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seplace.metric import Metric

_SURE = 0.95
_NAMES = 0.34
"""The share of a figure's width that names of choices may take."""
_BAR = 0.09
"""The height of the scale of colors in inches."""
_LEAST_SCALE = 0.5
"""The least end of a scale of colors, in points: differences that are smaller than anyone reports stay pale."""


def plot_effects(
    effects: pd.DataFrame, metric: Metric, *, title: str, width: str | float | None = None, heading: bool = True
) -> Figure:
    """Draw the effect of each choice with its 90 % credible interval: a panel for each stage, and one for backbones.

    Each module has a color. A filled marker says that the sign is known with 95 % probability.
    """
    style = style_of(width)
    table = _of_choices(effects)
    if table.empty:
        return empty_figure(style, title if heading else "", x=_what(metric), y="")
    names = list(dict.fromkeys(table.loc[table["kind"] == "choice", "name"]))
    backbones = list(dict.fromkeys(table.loc[table["kind"] == "backbone", "name"]))
    stages = [stage for stage in dict.fromkeys(table["stage"]) if stage]
    shown = {name: wrapped(name, size=style.small, width=72 * _NAMES * style.width) for name in (*names, *backbones)}
    room = style.width - max(width_of(text, size=style.small) for text in shown.values()) / 72 - 0.3
    columns = max(1, min(len(stages), int(room / (1.9 if style.is_wide else 0.9))))
    bands = [stages[at : at + columns] for at in range(0, len(stages), columns)]
    rows = [names] * len(bands) + ([backbones] if backbones else [])
    heights = [sum(_height(shown[name], style) for name in listed) + 1.2 * style.text / 72 for listed in rows]
    figure = new_figure(style)
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    panels: list[Axes] = []
    for band, listed in enumerate(bands):
        for column, stage in enumerate(listed):
            axes = figure.add_subplot(grid[band, column], sharex=panels[0] if panels else None)
            _panel(axes, table[table["stage"] == stage], names, shown, style, has_names=column == 0)
            axes.set_title(f"stage {stage}", loc="left", fontsize=style.small, color=INK)
            panels.append(axes)
            axes.tick_params(labelbottom=True)
    if backbones:
        axes = figure.add_subplot(grid[len(bands), :], sharex=panels[0] if panels else None)
        _panel(axes, table[table["stage"] == 0], backbones, shown, style, has_names=True)
        axes.set_title("backbone, over the first", loc="left", fontsize=style.small, color=INK)
    keys = [
        key(style, "posterior mean; the sign is known with 95 % probability", marker="o", size=5),
        key(style, "posterior mean; the sign is not known", marker="o", size=5, hollow=True),
        key(style, "90 % credible interval", linestyle="-"),
    ]
    body = sum(heights) + 0.35 * len(rows)
    said = [title] if heading else []
    finish(figure, style, body=body, heading=said, legends=[(f"E{_what(metric)[1:]}", keys)], beside=False)
    return figure


def plot_heat(
    effects: pd.DataFrame, metric: Metric, *, title: str, width: str | float | None = None, heading: bool = True
) -> Figure:
    """Draw the effect of each choice in each stage as a color, with its number where there is room.

    A frame says that the sign is known with 95 % probability; cells of what the space does not offer are hatched.
    """
    style = style_of(width)
    table = effects[effects["kind"] == "choice"] if len(effects) else effects
    if table.empty:
        return empty_figure(style, title if heading else "", x="stage", y="choice")
    names, stages = list(dict.fromkeys(table["name"])), sorted(set(table["stage"]))
    shown = [wrapped(name, size=style.small, width=72 * _NAMES * style.width) for name in names]
    values = np.full((len(names), len(stages)), math.nan)
    for row in table.to_dict("records"):
        values[names.index(row["name"]), stages.index(row["stage"])] = row["effect"]
    least = _LEAST_SCALE if metric.unit == "%" else 0.0
    end = max(float(np.nanmax(np.abs(values))), least) or 1.0
    edges = np.concatenate([[0.0], np.cumsum([_height(text, style) * 1.15 for text in shown])])
    figure = new_figure(style)
    grid = figure.add_gridspec(2, 1, height_ratios=[float(edges[-1]), _BAR])
    axes = figure.add_subplot(grid[0])
    norm = TwoSlopeNorm(0.0, -end, end)
    mesh = axes.pcolormesh(np.arange(len(stages) + 1), edges, values, cmap="RdBu", norm=norm, edgecolors="white")
    axes.set_facecolor("white")
    axes.invert_yaxis()
    dress(axes, style)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(stages)) + 0.5, [str(stage) for stage in stages])
    axes.set_yticks((edges[1:] + edges[:-1]) / 2, list(map(plain, shown)))
    axes.set_xlabel("stage", fontsize=style.text)
    bar = figure.colorbar(mesh, cax=figure.add_subplot(grid[1]), orientation="horizontal")
    bar.set_label(wrapped(_what(metric), size=style.text, width=72 * 0.6 * style.width), fontsize=style.text)
    bar.ax.tick_params(labelsize=style.small)
    power = 10.0 ** math.floor(math.log10(end))
    marked = max(step * power for step in (1, 2, 5) if step * power <= end)
    bar.set_ticks([-marked, 0.0, marked], labels=[number(each, "+g") for each in (-marked, 0.0, marked)])
    bar.outline.set_visible(False)
    keys = [key(style, "framed: the sign is known with 95 % probability", marker="s", size=7, hollow=True)]
    if np.isnan(values).any():
        keys.append(key(style, "crossed out: not in the space", marker="x", size=5, color=GRAY))
    body = float(edges[-1]) + _BAR + 0.85
    finish(
        figure,
        style,
        body=body,
        heading=[title] if heading else [],
        legends=[("", keys)],
        beside=False,
    )
    _cells(axes, table, names, stages, edges, style, metric, end=end)
    return figure


def _what(metric: Metric) -> str:
    better = "" if metric.is_maximized else " (positive is better)"
    return f"effect on {metric.label}{metric.in_gain_unit}, over no attention in the stage{better}"


def _of_choices(effects: pd.DataFrame) -> pd.DataFrame:
    return effects[effects["kind"].isin(["choice", "backbone"])] if len(effects) else effects


def _is_sure(row: Any) -> bool:
    return bool(max(row["p_positive"], 1 - row["p_positive"]) >= _SURE)


def _height(name: str, style: Style) -> float:
    """Return the height of a row in inches."""
    return (1.25 * style.small * (name.count("\n") + 1) + 0.45 * style.small) / 72


def _panel(
    axes: Axes, table: pd.DataFrame, names: list[str], shown: dict[str, str], style: Style, *, has_names: bool
) -> None:
    """Draw the effects of one stage, in the order of `names` from above."""
    edges = np.concatenate([[0.0], np.cumsum([_height(shown[name], style) for name in names])])
    middles = dict(zip(names, (edges[1:] + edges[:-1]) / 2, strict=True))
    for row in table.to_dict("records"):
        color, at = module_color(module_of(row["name"])), middles[row["name"]]
        axes.plot([row["effect_lower"], row["effect_upper"]], [at, at], color=color, linewidth=1.6 * style.scale)
        axes.plot(
            row["effect"],
            at,
            marker="o",
            markersize=5 * style.scale,
            markeredgewidth=1.1 * style.scale,
            color=color,
            markerfacecolor=color if _is_sure(row) else "white",
        )
    axes.axvline(0, color=GRAY, linewidth=1.2 * style.scale, zorder=0)
    dress(axes, style)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(float(edges[-1]), 0.0)
    axes.set_yticks(list(middles.values()), [plain(shown[name]) for name in names] if has_names else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    write_ticks(axes.xaxis)
    axes.locator_params(axis="x", nbins=5)


def _cells(
    axes: Axes,
    table: pd.DataFrame,
    names: list[str],
    stages: list[int],
    edges: Any,
    style: Style,
    metric: Metric,
    *,
    end: float,
) -> None:
    """Write the numbers of a heat map where they have room, frame what is known, and cross out what is not there."""
    spec = "+.1f" if end >= 1.0 else "+.2f"
    if metric.unit != "%":
        spec = metric.spec(end, signed=True)
    cell = axes.get_window_extent().width * 72 / axes.figure.dpi / len(stages)
    size = style.small
    widest = "+0.00" if spec == "+.2f" else "+00.0" if spec == "+.1f" else format(end, spec)
    has_room = width_of(widest, size=size, weight="bold") + 4.0 <= cell
    held = set()
    for row in table.to_dict("records"):
        down, across = names.index(row["name"]), stages.index(row["stage"])
        held.add((down, across))
        top, height = edges[down], edges[down + 1] - edges[down]
        if _is_sure(row):
            frame = Rectangle(
                (across, top),
                1.0,
                height,
                fill=False,
                edgecolor=INK,
                linewidth=1.3 * style.scale,
                zorder=3,
            )
            axes.add_patch(frame)
        if has_room:
            axes.text(
                across + 0.5,
                top + height / 2,
                number(row["effect"], spec),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if abs(row["effect"]) > 0.6 * end else INK,
            )
    for down in range(len(names)):
        for across in range(len(stages)):
            if (down, across) not in held:
                axes.plot(across + 0.5, (edges[down] + edges[down + 1]) / 2, marker="x", color=GRAY, markersize=4)
