"""What a reader sees of a figure: its texts, which must stand apart, and inside of it."""

import numpy as np
from matplotlib.axis import Tick
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from seplace.report.figures.layout import overlaps


def texts_of(figure: Figure) -> tuple[list[str], np.ndarray]:
    """The texts that are seen, and their boxes in points: left, bottom, right, top."""
    renderer = figure.canvas.get_renderer()
    hidden = set()
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks: list[Tick] = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            hidden |= {id(tick.label2) for tick in ticks}
            beyond = [tick for tick in ticks if not min(low, high) <= tick.get_loc() <= max(low, high)]
            hidden |= {id(tick.label1) for tick in beyond}
    found = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]
    # An annotation's own extent has its leader line in it; the line may pass below another text.
    boxes = [Text.get_window_extent(each, renderer) for each in found]
    scale = 72 / figure.dpi
    return [each.get_text() for each in found], np.array(
        [[box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale] for box in boxes]
    ).reshape(-1, 4)


def flaws_of(figure: Figure) -> list[str]:
    """What a reader would complain of: texts that overlap, and texts that are cut by the figure."""
    figure.draw_without_rendering()
    texts, boxes = texts_of(figure)
    width, height = 72 * figure.get_size_inches()
    said = [
        f"cut: {text!r}"
        for text, (left, bottom, right, top) in zip(texts, boxes, strict=True)
        if left < -0.1 or bottom < -0.1 or right > width + 0.1 or top > height + 0.1
    ]
    shrunken = boxes + np.array([0.3, 0.3, -0.3, -0.3])
    pairs = np.argwhere(np.triu(overlaps(shrunken, shrunken), k=1))
    return said + [f"{texts[first]!r} overlaps {texts[second]!r}" for first, second in pairs]


def numbers_of(figure: Figure) -> list[str]:
    """The labels of points."""
    return [text.get_text() for text in figure.axes[0].texts if isinstance(text, Annotation)]
