"""Figures: accuracy against cost. The only place that imports a plotting library; tables in, figures out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from seplace.costs import COSTS
from seplace.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_INK, _GREY, _BLUE, _ORANGE = "#222222", "#b5b5b5", "#1f5fa8", "#d1671f"
_NARROW_PERCENT = 5.0
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def plot_front(placements: pd.DataFrame, *, cost: str, title: str) -> Figure:
    """Draw mean accuracy (with its standard error) against the extra cost over the plain backbone.

    The front is a line with labelled members; yardsticks are marked; everything else that was trained is grey. The axis
    says so when the cost hardly moves over what was trained.
    """
    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    extra = placements[f"extra_{cost}"].to_numpy(dtype=float)
    scale, prefix = next(each for each in _SCALES if np.abs(extra).max(initial=0.0) >= each[0] or each[0] == 1.0)
    table = placements.assign(x=extra / scale)
    members = table[table["on_front"]].sort_values("x")
    marks = table[(table["yardstick"] != "") & ~table["on_front"]]
    rest = table[(table["yardstick"] == "") & ~table["on_front"]]
    _points(axes, rest, color=_GREY, marker="o", size=4, label="trained")
    for row in range(len(marks)):
        yardstick = marks.iloc[row : row + 1]
        _points(axes, yardstick, label=yardstick["yardstick"].iloc[0], **_style(yardstick["yardstick"].iloc[0]))
    axes.step(members["x"], members["accuracy"], where="post", color=_BLUE, linewidth=1.4, alpha=0.7, zorder=2)
    _points(axes, members, color=_BLUE, marker="o", size=7, label="front")
    _labels(axes, members)
    plain = float(placements[cost].iloc[0] - extra[0])
    unit = COSTS[cost].unit
    axes.set_xlabel(f"extra {prefix}{unit} over the plain backbone ({plain / scale:,.4g} {prefix}{unit})")
    axes.set_ylabel("validation accuracy in %, mean ± standard error")
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    spread = 100 * (extra.max() - extra.min()) / plain if plain else 0.0
    if spread < _NARROW_PERCENT:
        axes.text(
            1.0,
            1.015,
            f"{unit} differ by {spread:.2g} % only",
            transform=axes.transAxes,
            ha="right",
            fontsize=9,
        )
    axes.margins(x=0.08, y=0.12)
    axes.grid(color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="best")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file's suffix; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    suffix = path.suffix.removeprefix(".")
    metadata = {"Date": None} if suffix == "svg" else None
    figure.savefig(buffer, format=suffix, dpi=160, metadata=metadata)
    write_atomically(path, buffer.getvalue())


def _points(
    axes: Axes, table: pd.DataFrame, *, color: str, marker: str, size: float, label: str, hollow: bool = False
) -> None:
    if not len(table):
        return
    axes.errorbar(
        table["x"],
        table["accuracy"],
        yerr=table["accuracy_se"].fillna(0.0),
        fmt=marker,
        color=color,
        markerfacecolor="white" if hollow else color,
        markersize=size,
        elinewidth=1.0,
        label=label,
        zorder=3,
    )


def _style(yardstick: str) -> dict[str, Any]:
    """Return a marker for each module, filled where it stands everywhere and hollow in the last stage only."""
    module = yardstick.split()[0]
    return {
        "color": _ORANGE,
        "marker": {"none": "X", "SE": "^", "CBAM": "s", "ECA": "D"}[module],
        "size": 6.5,
        "hollow": "last" in yardstick,
    }


def _labels(axes: Axes, members: pd.DataFrame) -> None:
    """Name the members of the front, slanting up from their points so that neighbours stay apart."""
    for text, x, y in zip(members["placement"], members["x"], members["accuracy"], strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(5, 6),
            textcoords="offset points",
            rotation=25,
            rotation_mode="anchor",
            fontsize=8,
            color=_BLUE,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=4,
        )
