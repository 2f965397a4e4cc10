"""The figure of two studies on the same candidates: the gain in one against the gain in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from seplace.report.figures.style import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    dress,
    finish,
    key,
    labels,
    new_figure,
    style_of,
    write_ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seplace.placement import Placement
    from seplace.results.comparison import Comparison

_BODY = 0.5
"""The height of the axes as a share of the width of the figure."""


def plot_comparison(comparison: Comparison, *, width: str | float | None = None, heading: bool = True) -> Figure:
    """Draw the estimated gains of all candidates, the baselines, and the best of each study with their intervals.

    Winners are crosses of two 90 % credible intervals, that of the first study blue, that of the other orange, and one
    of both black.
    """
    style = style_of(width)
    figure = new_figure(style)
    axes = figure.add_subplot()
    dress(axes, style)
    one, other = comparison.one, comparison.other
    x, y = (side.gains(comparison.candidates).mean(axis=0) for side in (one, other))
    axes.plot(x, y, linestyle="", marker="o", markersize=3.2 * style.scale, color=GRAY, zorder=2)
    axes.axhline(0, color=INK, linewidth=0.8 * style.scale, zorder=1)
    axes.axvline(0, color=INK, linewidth=0.8 * style.scale, zorder=1)
    keys = [key(style, f"candidate (of {len(comparison.one.space):,})", marker="o", size=3.2, color=GRAY)]
    table = comparison.table
    names = {str(each): name for side in (other, one) for name, each in side.baselines.items()}
    marked = table[table["placement"].isin(names) & table["gain_one"].notna() & table["gain_other"].notna()]
    axes.plot(
        marked["gain_one"],
        marked["gain_other"],
        linestyle="",
        marker="s",
        markersize=5.0 * style.scale,
        markerfacecolor="none",
        color=INK,
        zorder=3,
    )
    keys.append(key(style, "plain backbone, or another baseline", marker="s", size=5.0, hollow=True))
    for placement, of, color in _winners(comparison):
        across, up = (comparison.gain(placement, side) for side in (one, other))
        axes.errorbar(
            across.value,
            up.value,
            xerr=[[across.value - across.lower], [across.upper - across.value]],
            yerr=[[up.value - up.lower], [up.upper - up.value]],
            marker="o",
            markersize=6.0 * style.scale,
            linewidth=1.4 * style.scale,
            color=color,
            zorder=4,
        )
        keys.append(
            key(style, f"{placement}, the best of {of}, with 90 % intervals", marker="o", size=6.0, color=color)
        )
    height = _BODY * style.width
    x_label, y_label = (f"gain in {side.unit} ({side.name})" for side in (one, other))
    labels(axes, style, x=x_label, y=y_label, width=0.6 * style.width, height=0.8 * height)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7))
        write_ticks(axis, "+g")
    said = [f"{one.name} and {other.name}: the same placements in both", *comparison.sentences[-1:]] if heading else []
    finish(figure, style, body=height, heading=said, legends=[("", keys)])
    return figure


def _winners(comparison: Comparison) -> list[tuple[Placement, str, str]]:
    """Return the best of each study, the names of the studies, and its color."""
    one, other = comparison.one, comparison.other
    if one.winner == other.winner:
        return [(one.winner, f"{one.name} and {other.name}", INK)]
    return [(one.winner, one.name, BLUE), (other.winner, other.name, ORANGE)]
