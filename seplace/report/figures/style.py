"""The look that all figures share, and a figure that a notebook shows without a magic line."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from seplace.errors import InputError
from seplace.files.plain_text import printable

INK, GRAY, BLUE, ORANGE, GRID = "#222222", "#a8a8a8", "#1f5fa8", "#c4561a", "#e8e8e8"
COLORS = ("#1f5fa8", "#d1671f", "#2f8f5b", "#8a4fa3", "#b03a48", "#6b6b6b", "#a8871f", "#2a9aa8")

WIDTHS = {"single": 3.25, "double": 6.875}
"""The widths of a column and of a page in inches, as in the templates of CVPR; ICML's are as wide to 0.1 inch."""
_NARROWEST, _WIDEST = 2.5, 40.0
_SCREEN = 10.0
_FINE, _HINTED = 4, 1.04
"""The dots a point at which texts are measured, and how much wider hinting makes them at few."""
_ROUNDING = 1e-9
"""The part of the range of an axis that is nothing but rounding."""
_NO_LAYOUT: dict[Any, Any] = {"figure.autolayout": False, "figure.constrained_layout.use": False}
_MARGIN = 4.0
"""Around what a figure shows, in points."""


_PIECES = re.compile(r"@\S+\s?|\[?[^-\s:@\[\]._]+(?:\.(?=\d)[^-\s:@\[\]._]+)*(?: %)?[-\s:\]._]*|\[|.")
"""The parts of a text between which it is broken: words, stages, parts of an import path; `95 %` stays together."""


class NotebookFigure(Figure):
    """A figure that a notebook shows where it is the value of a cell, without a magic line and without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return a picture at twice the pixels that it is shown with, for sharp screens."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=2 * 96)
        width, height = self.get_size_inches()
        return buffer.getvalue(), {"width": round(96 * width), "height": round(96 * height)}


@dataclass(frozen=True, kw_only=True)
class Style:
    """The sizes of a figure: its width in inches, texts in points, and the scale of lines and markers."""

    width: float
    text: float
    small: float
    title: float
    scale: float

    @property
    def dpi(self) -> int:
        """The dots in an inch of a picture: a printed one has more."""
        return 160 if self.is_wide else 300

    @property
    def is_wide(self) -> bool:
        """Whether the legend stands beside the axes; else it stands below them."""
        return self.width >= 8.0


def style_of(width: str | float | None) -> Style:
    """Return the style of a width: a name of WIDTHS, inches, or None for a screen; raises InputError for another."""
    if isinstance(width, str) and width in WIDTHS:
        width = WIDTHS[width]
    try:
        inches = _SCREEN if width is None else float(width)
    except ValueError:
        inches = 0.0
    if not _NARROWEST <= inches <= _WIDEST:
        raise InputError(
            f"width {width}: a figure's width is {', '.join(WIDTHS)}, or {_NARROWEST:g} to {_WIDEST:g} inches"
        )
    if inches < 5.0:
        return Style(width=inches, text=7.0, small=6.5, title=7.5, scale=0.7)
    if inches < 8.0:
        return Style(width=inches, text=8.0, small=7.0, title=8.5, scale=0.8)
    return Style(width=inches, text=9.5, small=8.5, title=11.0, scale=1.0)


def plain(text: str) -> str:
    """Return a text with dollars escaped, so that they begin no formula, and control characters written out."""
    return printable(text).replace("$", r"\$")


def number(value: float, spec: str) -> str:
    """Return a number with a true minus sign; what rounds to zero has no sign."""
    text = format(value, spec)
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("+-")


def write_ticks(axis: Axis, spec: str = "g") -> None:
    """Write the numbers at the ticks of an axis; what is nothing but rounding beside its range is 0."""

    def text(value: float, _: float) -> str:
        low, high = axis.get_view_interval()
        return number(0.0 if abs(value) < _ROUNDING * abs(high - low) else value, spec)

    axis.set_major_formatter(text)


@cache
def _renderer() -> Any:
    return RendererAgg(8, 8, 72 * _FINE)  # type: ignore[no-untyped-call]  # matplotlib does not annotate it


@lru_cache(maxsize=4096)
def width_of(text: str, *, size: float, weight: str = "normal") -> float:
    """Return the width of the widest line of a text in points, whatever the dots an inch that it is drawn with."""
    font = FontProperties(size=size, weight=weight)
    widths = [_renderer().get_text_width_height_descent(line, font, False)[0] for line in text.split("\n")]
    return float(_HINTED * max(widths) / _FINE)


def wrapped(text: str, *, size: float, width: float, indent: str = "", weight: str = "normal") -> str:
    """Return a text in lines of at most `width` points: broken at spaces, before a backbone, else between parts."""
    if "\n" not in text and width_of(text.rstrip(), size=size, weight=weight) <= width:
        return text.rstrip()
    lines = [""]
    for piece in _PIECES.findall(text):
        rest = piece
        if lines[-1] and width_of((lines[-1] + rest).rstrip(), size=size, weight=weight) > width:
            lines.append(indent)
        while width_of((lines[-1] + rest).rstrip(), size=size, weight=weight) > width and len(rest) > 1:
            fitting = 1
            while width_of(lines[-1] + rest[: fitting + 1], size=size, weight=weight) <= width:
                fitting += 1
            lines[-1] += rest[:fitting]
            rest = rest[fitting:]
            if rest:
                lines.append(indent)
        lines[-1] += rest
    return "\n".join(line.rstrip() for line in lines)


def new_figure(style: Style) -> NotebookFigure:
    """Return an empty figure."""
    figure = NotebookFigure(figsize=(style.width, 1.0), dpi=style.dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, style: Style, *, grid: str = "both") -> None:
    """Give axes their grid, lines and sizes of text."""
    axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.8 * style.scale)  # type: ignore[arg-type]  # its stub lists the names
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=style.small, width=0.8 * style.scale, length=3.5 * style.scale, pad=2.5)
    axes.xaxis.label.set_fontsize(style.text)
    axes.yaxis.label.set_fontsize(style.text)


def key(
    style: Style,
    label: str,
    *,
    marker: str = "",
    size: float = 6.5,
    hollow: bool = False,
    color: str = INK,
    linestyle: Literal["", "-", "--"] = "",
) -> Line2D:
    """Return an entry of a legend: a marker, or a line where `linestyle` is given."""
    return Line2D(
        [],
        [],
        linestyle=linestyle,
        linewidth=1.4 * style.scale,
        marker=marker,
        markersize=size * style.scale,
        color=color,
        markerfacecolor="white" if hollow else color,
        label=label,
    )


def finish(
    figure: Figure,
    style: Style,
    *,
    body: float,
    heading: Sequence[str],
    legends: Sequence[tuple[str, Sequence[Line2D]]] = (),
    beside: bool = True,
) -> None:
    """Give a figure its heading, its legends, and the height that these and a body of `body` inches need.

    The heading is a title and the lines below it, or nothing.

    Legends are entries under a title each; they stand at the right of a wide figure unless not `beside` it, else below.
    The axes keep their places from then on.
    """
    is_beside = beside and style.is_wide
    drawn = [_legend(figure, style, title, entries, beside=is_beside) for title, entries in legends if entries]
    sizes = [_size_of(legend) for legend in drawn]
    right = max(width for width, _ in sizes) + 2 * _MARGIN if is_beside and sizes else 0.0
    stack = sum(height for _, height in sizes)
    below = 0.0 if is_beside or not sizes else stack + _MARGIN
    width = 72 * style.width
    written = []
    for at, line in enumerate(heading):
        size = style.small if at else style.title
        text = wrapped(printable(line), size=size, width=width - right - 2 * _MARGIN).replace("$", r"\$")
        written.append((text, size, 1.25 * size * (text.count("\n") + 1) + 0.3 * size))
    top = sum(its_height for _, _, its_height in written) + _MARGIN
    height = max(72 * body + below + top, stack + 2 * _MARGIN if is_beside else 0.0)
    figure.set_size_inches(style.width, height / 72)
    y = height - _MARGIN
    for at, (text, size, its_height) in enumerate(written):
        color = "#444444" if at else INK
        figure.text(_MARGIN / width, y / height, text, fontsize=size, color=color, ha="left", va="top")
        y -= its_height
    edge = width - right + _MARGIN if is_beside else _MARGIN
    y = height - _MARGIN if is_beside else below
    for legend, (_, its_height) in zip(drawn, sizes, strict=True):
        legend.set_bbox_to_anchor((edge / width, y / height), transform=figure.transFigure)
        y -= its_height
    rect = (0.0, below / height, 1 - right / width, (height - below - top) / height)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect, w_pad=_MARGIN / 72, h_pad=_MARGIN / 72))
    figure.draw_without_rendering()  # lays the axes out
    if any([_refitted(axes, style) for axes in figure.axes]):
        figure.draw_without_rendering()
    with matplotlib.rc_context(_NO_LAYOUT):  # "none" would leave a place holder, for which each file is drawn twice
        figure.set_layout_engine(None)


def _refitted(axes: Axes, style: Style) -> bool:
    """Break the labels of axes that are longer than the axes have become, and return whether there were any."""
    box = axes.get_window_extent()
    changed = False
    for label, pixels in ((axes.xaxis.label, box.width), (axes.yaxis.label, box.height)):
        text, length = label.get_text(), 72 * pixels / style.dpi
        if width_of(text, size=style.text) > length:
            label.set_text(wrapped(" ".join(text.split()), size=style.text, width=length))
            changed = True
    return changed


def _legend(figure: Figure, style: Style, title: str, entries: Sequence[Line2D], *, beside: bool) -> Legend:
    room = 72 * style.width * (0.32 if beside else 1.0) - 2 * _MARGIN
    handle = 2.2 * style.small
    for entry in entries:
        text = wrapped(printable(str(entry.get_label())), size=style.small, width=room - 1.6 * handle, indent="  ")
        entry.set_label(text.replace("$", r"\$"))
    widest = max(width_of(str(entry.get_label()), size=style.small) for entry in entries)
    columns = 1 if beside else max(1, min(4, int(room // (widest + 2.2 * handle))))
    columns = min(columns, len(entries))
    legend = Legend(
        figure,
        entries,
        [str(entry.get_label()) for entry in entries],
        loc="upper left",
        ncols=columns,
        frameon=False,
        fontsize=style.small,
        title=wrapped(title, size=style.small, width=room, weight="bold") if title else None,
        title_fontproperties={"size": style.small, "weight": "bold"},
        alignment="left",
        borderpad=0.0,
        borderaxespad=0.0,
        labelspacing=0.35,
        handlelength=1.7,
        handletextpad=0.5,
        columnspacing=1.2,
    )
    legend.set_in_layout(False)
    figure.add_artist(legend)
    return legend


def _size_of(legend: Legend) -> tuple[float, float]:
    """Return the width and the height of a legend in points, with the room below it."""
    figure = legend.get_figure(root=True)
    assert figure is not None
    box = legend.get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]  # of FigureCanvasAgg
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi + 6.0


def empty_figure(style: Style, title: str, *, x: str, y: str, says: str = "no training is complete yet") -> Figure:
    """Return axes with a sentence in them."""
    figure = new_figure(style)
    axes = figure.add_subplot(xticks=[], yticks=[])
    body = 0.42 * style.width
    dress(axes, style)
    labels(axes, style, x=x, y=y, width=0.72 * style.width, height=0.75 * body)
    room = 0.65 * 72 * style.width
    axes.text(
        0.5,
        0.5,
        wrapped(says, size=style.text, width=room),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=INK,
        fontsize=style.text,
    )
    finish(figure, style, body=body, heading=[title] if title else [])
    return figure


def labels(axes: Axes, style: Style, *, x: str = "", y: str = "", width: float, height: float) -> None:
    """Set the labels of both axes, broken at the length of the axes in inches."""
    for text, length, setter in ((x, width, axes.set_xlabel), (y, height, axes.set_ylabel)):
        lines = [wrapped(line, size=style.text, width=72 * length) for line in printable(text).split("\n")]
        setter("\n".join(lines).replace("$", r"\$"), fontsize=style.text)
