"""The figure of a search: the hypervolume of its front after each training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from seplace.report.figures.style import (
    BLUE,
    GRAY,
    ORANGE,
    dress,
    empty_figure,
    finish,
    key,
    labels,
    new_figure,
    style_of,
    write_ticks,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from seplace.metric import Metric

_X = "complete trainings"


def hypervolume_label(metric: Metric) -> str:
    """Return what a hypervolume is: the metric of a front, averaged."""
    direction = "" if metric.is_maximized else " (lower is better)"
    return f"hypervolume: {metric.label} of the front{metric.in_unit}, averaged over the range of the cost{direction}"


def plot_history(
    history: pd.DataFrame,
    metric: Metric,
    *,
    title: str,
    plain: float | None,
    width: str | float | None = None,
    heading: bool = True,
) -> Figure:
    """Draw a table of `history_frame`: the hypervolume of the front against the number of trainings.

    `plain` is the estimated value of the plain backbone, which is the hypervolume of it alone.
    """
    style, y_label = style_of(width), hypervolume_label(metric)
    if history.empty:
        return empty_figure(style, title if heading else "", x=_X, y=y_label)
    figure = new_figure(style)
    axes = figure.add_subplot()
    dress(axes, style)
    body = 3.8 if style.is_wide else min(0.66 * style.width, 3.2)
    labels(axes, style, x=_X, y=y_label, width=0.72 * style.width, height=0.82 * body)
    trainings = history["trainings"].to_numpy()
    dot = "o" if len(history) == 1 else ""  # a step has a length only between two
    keys: list[Line2D] = []
    for column, label, color, at in (
        ("observed_hypervolume", "by the means observed until then (may be luck)", GRAY, 2.0),
        ("hypervolume", "of the placements trained until then, by the final estimates", BLUE, 3.0),
    ):
        values = history[column].to_numpy(dtype=float)
        if np.isnan(values).all():
            continue
        axes.step(
            trainings,
            values,
            where="post",
            color=color,
            linewidth=1.8 * style.scale,
            marker=dot,
            markersize=4 * style.scale,
            zorder=at,
        )
        keys.insert(0, key(style, label, linestyle="-", color=color))
    if plain is not None:
        axes.axhline(plain, color=ORANGE, linestyle="--", linewidth=1.2 * style.scale, zorder=1)
        keys.append(key(style, "plain backbone alone", linestyle="--", color=ORANGE))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    write_ticks(axes.yaxis)
    low, high = axes.get_ylim()
    if metric.unit == "%" and high - low < 0.2:  # no figure enlarges differences that are smaller than anyone reports
        axes.set_ylim((low + high) / 2 - 0.1, (low + high) / 2 + 0.1)
    said = [title] if heading else []
    finish(figure, style, body=body, heading=said, legends=[("", keys)])
    return figure
