"""The figure of learning curves: the metric, cross-entropy and training loss against epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from seplace.report.figures.style import (
    BLUE,
    GRAY,
    INK,
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
    from collections.abc import Collection

    import pandas as pd
    from matplotlib.figure import Figure

    from seplace.metric import Metric
    from seplace.report.figures.front import Pick

_FEW = 20
"""Of scored epochs, which are marked."""


def curve_labels(metric: Metric) -> dict[str, str]:
    """Return the labels of what is scored along a training, by the names of columns."""
    direction = "" if metric.is_maximized else ", lower is better"
    labels = {metric.column: f"validation {metric.label}{metric.in_unit}{direction}"}
    if metric.is_accuracy:
        labels["cross_entropy"] = "validation cross-entropy in nats"
    return labels | {"train_loss": f"training loss{' in nats' * metric.is_accuracy}"}


def plot_curves(
    curves: pd.DataFrame,
    metric: Metric,
    *,
    title: str,
    plain: str,
    front: Collection[str],
    pick: Pick | None,
    width: str | float | None = None,
    heading: bool = True,
) -> Figure:
    """Draw the learning curve of each training, with the means over seeds of the plain backbone and of the pick.

    `curves` has one row a scored epoch of a training: placement, seed, epoch, and the columns of the panels. `plain`
    is the text of the plain backbone, `front` those of the front points.
    """
    style = style_of(width)
    said, names = [title] if heading else [], curve_labels(metric)
    if curves.empty:
        return empty_figure(style, title if heading else "", x="epoch", y=names[metric.column])
    shown = [name for name in names if name in curves and curves[name].notna().any()]
    figure = new_figure(style)
    across = len(shown) if style.width >= 5.0 else 1
    down = -(-len(shown) // across)
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    height = 3.4 if style.is_wide else 2.2 if across > 1 else 1.7
    groups = [("other trained", GRAY, 1.0, 0.35), ("front", BLUE, 2.0, 0.75)]
    marked = [(plain, "plain backbone", ORANGE)]
    if pick is not None and pick.placement != plain:
        marked.append((pick.placement, f"{pick.name}: {pick.reason}", INK))
    own = {name for name, _, _ in marked}
    has = set()
    for axes, name in zip(panels, shown, strict=False):
        dress(axes, style)
        for (placement, _seed), run in curves.dropna(subset=[name]).groupby(["placement", "seed"], sort=False):
            at = 1 if placement in front else 0
            color = next((color for text, _, color in marked if text == placement), groups[at][1])
            has.add(str(placement) if placement in own else groups[at][0])
            alpha = 0.45 if placement in own else groups[at][3]
            axes.plot(
                run["epoch"],
                run[name],
                color=color,
                alpha=alpha,
                linewidth=0.8 * style.scale,
                zorder=groups[at][2],
                marker="o" if len(run) == 1 else "",
                markersize=2.5 * style.scale,
            )
        for text, _, color in marked:
            means = curves[curves["placement"] == text].groupby("epoch")[name].mean().dropna()
            dot = "o" if len(means) <= _FEW else ""
            axes.plot(
                means.index.to_numpy(),
                means.to_numpy(),
                color=color,
                linewidth=2.2 * style.scale,
                marker=dot,
                markersize=3.5 * style.scale,
                zorder=4,
            )
        labels(axes, style, y=names[name], width=1.0, height=0.8 * height)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        write_ticks(axes.yaxis)
    for axes in panels[len(shown) - across :]:
        axes.set_xlabel("epoch", fontsize=style.text)
    keys = [
        key(style, f"{label} (thick: mean over seeds)", linestyle="-", color=color)
        for text, label, color in marked
        if text in has
    ]
    keys += [key(style, label, linestyle="-", color=color) for label, color, _, _ in reversed(groups) if label in has]
    finish(figure, style, body=down * height + 0.3, heading=said, legends=[("", keys)], beside=False)
    return figure
