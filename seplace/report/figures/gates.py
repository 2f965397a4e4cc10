"""The figure of gates: their means by class and channel, their distribution, and the maps of those with positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from seplace.gates.conclusions import conclusions
from seplace.report.figures.style import (
    COLORS,
    GRAY,
    INK,
    Style,
    dress,
    empty_figure,
    finish,
    key,
    new_figure,
    plain,
    style_of,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from seplace.gates.record import GateRecord, GateValues

_MOST_PANELS = 6
_MOST_CLASSES = 5
_LEAST_SPAN = 0.1
"""The least height of a panel: no figure enlarges differences that are smaller than anyone reports."""
_BINS = 40


def plot_gates(
    record: GateRecord, *, title: str = "", width: str | float | None = None, heading: bool = True
) -> Figure:
    """Draw gates over images: a panel for each, with a line for each class, as in the SE paper (arXiv:1709.01507, 7.2).

    Channels are in the order of their means, beside each panel is the distribution over images and channels. Of more
    than six gates, and of more than five classes, some that are evenly spaced are shown; of blocks the last of a stage.
    Gates with positions have a row of maps, the mean over channels, below the example images. In the heading are
    sentences that conclude.
    """
    style = style_of(width)
    said = [title or f"gates of {record.placement} on {record.backbone}, over {record.images}", *conclusions(record)]
    gates = _some([gate for gate in record.gates if gate.part != "spatial"])
    mapped = _some([gate for gate in record.gates if gate.maps is not None and len(gate.maps)])
    if not gates and not mapped:
        return empty_figure(
            style, said[0] if heading else "", x="channel", y="gate", says=" ".join(conclusions(record))
        )
    figure = new_figure(style)
    panel = 1.5 if style.is_wide else 1.05
    row = _cell(style, len(record.examples)) + _line(style) + 0.1
    heights = [panel * len(gates) + 0.3] * bool(gates) + [row * (1 + len(mapped))] * bool(mapped)
    parts = iter(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    keys: list[Line2D] = []
    if gates:
        panels = next(parts).subplots(len(gates), 2, squeeze=False, width_ratios=[4, 1], sharey="row")
        shown = _shown_classes(record)
        for (left, right), gate in zip(panels, gates, strict=True):
            _lines(left, gate, record, shown, style)
            _distribution(right, gate, style, is_last=gate is gates[-1])
        panels[-1, 0].set_xlabel("channel, in the order of the mean over all images", fontsize=style.text)
        keys = [
            key(style, "mean over all images", linestyle="-"),
            key(style, "start of a fresh gate", linestyle="--"),
        ]
        keys += [
            key(style, f"class {record.classes[number]}", linestyle="-", color=color)
            for number, color in zip(shown, COLORS, strict=False)
        ]
    if mapped:
        _maps(next(parts), mapped, record, style)
    hidden = len(record.gates) - len({*map(id, gates), *map(id, mapped)})
    if hidden:
        said.append(f"{hidden} more gates are not drawn.")
    finish(
        figure,
        style,
        body=sum(heights) + 0.2,
        heading=said if heading else [],
        legends=[("", keys)],
        beside=False,
    )
    return figure


def _some(gates: Sequence[GateValues]) -> list[GateValues]:
    """Return all of a few gates; of many the last of each stage, and of many stages some that are evenly spaced."""
    if len(gates) <= _MOST_PANELS:
        return list(gates)
    last = list({gate.stage: gate for gate in gates}.values())
    return [last[at] for at in np.linspace(0, len(last) - 1, min(len(last), _MOST_PANELS)).astype(int)]


def _shown_classes(record: GateRecord) -> list[int]:
    """Return the numbers of the classes that have a line."""
    present = np.unique(record.labels) if record.classes else np.empty(0, dtype=int)
    at = np.linspace(0, len(present) - 1, min(len(present), _MOST_CLASSES)).astype(int)
    return [int(number) for number in present[at]]


def _name_of(gate: GateValues, record: GateRecord) -> str:
    block = f".{gate.block}" if record.noun == "stage" else ""
    return f"{record.noun} {gate.stage}{block}: {gate.module}{f', {gate.part}' if gate.part else ''}"


def _lines(axes: Axes, gate: GateValues, record: GateRecord, shown: Sequence[int], style: Style) -> None:
    """Draw the mean of each channel, over all images and over those of each class."""
    dress(axes, style)
    means = gate.values.mean(0, dtype=np.float64)
    order = np.argsort(means, kind="stable")
    channels = np.arange(1, len(order) + 1)
    marker = "." if len(order) <= 64 else ""
    for number, color in zip(shown, COLORS, strict=False):
        its = gate.values[record.labels == number].mean(0, dtype=np.float64)[order]
        axes.plot(channels, its, color=color, linewidth=1.0 * style.scale, marker=marker, markersize=3 * style.scale)
    axes.plot(channels, means[order], color=INK, linewidth=1.8 * style.scale)
    low, high = axes.get_ylim()
    if high - low < _LEAST_SPAN:
        axes.set_ylim((low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylabel("gate", fontsize=style.text)
    axes.set_title(plain(_name_of(gate, record)), loc="left", fontsize=style.small, color=INK)


def _distribution(axes: Axes, gate: GateValues, style: Style, *, is_last: bool) -> None:
    """Draw the distribution over images and channels, on the axis of the lines beside it."""
    dress(axes, style)
    low, high = axes.get_ylim()
    values = gate.values
    low, high = min(low, float(values.min())), max(high, float(values.max()))
    axes.set_ylim(low, high)
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    axes.barh(edges[:-1], 100 * counts / values.size, height=np.diff(edges), align="edge", color=GRAY)
    axes.axhline(gate.start, color=INK, linestyle="--", linewidth=1.0 * style.scale)
    axes.tick_params(labelleft=False)
    axes.xaxis.set_major_locator(MaxNLocator(2, integer=True))
    if is_last:
        axes.set_xlabel("% of values", fontsize=style.text)


def _maps(part: SubFigure, gates: Sequence[GateValues], record: GateRecord, style: Style) -> None:
    """Draw the example images in a row, and below them a row of maps for each gate, in one scale of colors a row."""
    cell, line = _cell(style, len(record.examples)), _line(style)
    count = len(record.examples)
    rest = max(style.width - count * cell, 0.01)
    grid = part.add_gridspec(
        2 * (1 + len(gates)),
        count + 1,
        width_ratios=[cell] * count + [rest],
        height_ratios=[line, cell] * (1 + len(gates)),
    )
    for column in range(count):
        axes = _cell_axes(part, grid[1, column])
        axes.imshow(_picture(record.examples[column]), cmap="gray", vmin=0, vmax=255)
        if record.example_classes:
            name = wrapped(record.example_classes[column], size=style.small, width=72 * cell).split("\n")[0]
            _write(_cell_axes(part, grid[0, column]), name, style, at=0.5)
    for row, gate in enumerate(gates, start=1):
        maps = gate.maps
        assert maps is not None
        low, high = float(maps.min()), float(maps.max())
        name = f"{_name_of(gate, record)}: {low:.2f} (dark) to {high:.2f} (bright)"
        _write(_cell_axes(part, grid[2 * row, :]), name, style, at=0.0)
        for column in range(count):
            axes = _cell_axes(part, grid[2 * row + 1, column])
            axes.imshow(maps[column], cmap="viridis", vmin=low, vmax=high)


def _cell(style: Style, count: int) -> float:
    """Return the side of an image in inches."""
    return min(0.85 * style.width / max(count, 1), 1.1 if style.is_wide else 0.9)


def _line(style: Style) -> float:
    """Return the height of a line of text in inches."""
    return 1.6 * style.small / 72


def _cell_axes(part: SubFigure, place: SubplotSpec) -> Axes:
    axes = part.add_subplot(place)
    axes.set_axis_off()
    return axes


def _write(axes: Axes, text: str, style: Style, *, at: float) -> None:
    """Write a line of text that takes no room but its own row."""
    written = axes.text(
        at,
        0.0,
        plain(text),
        transform=axes.transAxes,
        fontsize=style.small,
        color=INK,
        ha="center" if at else "left",
        va="bottom",
    )
    written.set_in_layout(False)


def _picture(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
