"""The figure of a simulation: the true hypervolume that each sampler reaches."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from seplace.report.figures.style import COLORS, GRID, INK, NotebookFigure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_LEFT = 0.01
"""Where titles begin, as a share of the width of a figure."""


def plot_simulation(summary: pd.DataFrame, *, title: str) -> Figure:
    """Draw the true hypervolume that each sampler reaches against trainings, with its 95 % band over repetitions.

    Each problem has a row of panels, each recommendation a column, and each sampler a color.
    """
    problems, recommendations = list(summary["problem"].unique()), list(summary["recommendation"].unique())
    size = (5.2 * len(recommendations), 0.5 + 3.4 * len(problems))
    figure = NotebookFigure(figsize=size, dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(problems), len(recommendations), sharex="row", sharey="row", squeeze=False)
    colors = dict(zip(summary["sampler"].unique(), itertools.cycle(COLORS), strict=False))
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
            axes.set_title(plain(f"{problem}: {recommendation} front"), loc="left", fontsize=10, color=INK)
            axes.set_xscale("log")  # equal steps are equal ratios: half the trainings, a quarter
            axes.set_xticks(sorted(shown["trainings"].unique()), minor=False)
            axes.xaxis.set_major_formatter("{x:.0f}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.grid(color=GRID, linewidth=0.8)
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
    figure.suptitle(plain(title), x=_LEFT, ha="left", fontsize=11, color=INK)
    return figure
