"""The figure of what placements cost: latency, or parameters, against extra FLOPs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from seplace.report.figures.style import COLORS, GRAY, GRID, INK, NotebookFigure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MARKERS = "o^sDvP*<>Xhp"


def plot_bench(records: pd.DataFrame, *, title: str) -> Figure:
    """Draw latency, or parameters, against extra FLOPs in %: a color for each backbone, a marker for each placement.

    Latency is a ratio to that of the plain backbone, with its quartiles. Where it was not measured, extra parameters in
    % are drawn. The plain backbone is the gray line.
    """
    figure = NotebookFigure(figsize=(8.0, 5.2), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    has_latency = "latency_ratio" in records
    column = "latency_ratio" if has_latency else "extra_params_percent"
    table = records[records["name"] != "plain"]
    colors = dict(zip(records["backbone"].unique(), itertools.cycle(COLORS), strict=False))
    markers = dict(zip(table["name"].unique(), itertools.cycle(_MARKERS), strict=False))
    axes.axhline(1.0 if has_latency else 0.0, color=GRAY, linewidth=1.4, zorder=1)
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
    axes.set_title(plain(title), loc="left", fontsize=11, color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    keys = [Line2D([], [], color=GRAY, linewidth=1.4, label="plain backbone")]
    keys += [Line2D([], [], color=color, linewidth=4, label=name) for name, color in colors.items()]
    keys += [Line2D([], [], color=INK, marker=marker, linestyle="", label=name) for name, marker in markers.items()]
    figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _bars(row: Any, column: str) -> NDArray[np.float64]:
    """Return how far the interval of a column reaches down and up, in a row or in each row of a table: (2, rows)."""
    value, lower, upper = (np.atleast_1d(row[f"{column}{end}"]) for end in ("", "_lower", "_upper"))
    return np.stack([value - lower, upper - value]).astype(float)
