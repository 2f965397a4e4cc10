"""A placement as a strip of stages in HTML, and the color of each module, the same in figures, notebooks and pages."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Sequence

from seplace.files.plain_text import printable

_COLORS = {
    "se": "#1f5fa8",
    "cbam": "#b64c12",
    "eca": "#23794a",
    "srm": "#8a4fa3",
    "simam": "#b03a48",
    "ge": "#7d6411",
    "gct": "#1c7885",
    "gc": "#a03f80",
    "native": "#0f4c81",
    "ese": "#4f6db8",
    "coord": "#5b7a1c",
    "triplet": "#8c5a3c",
    "bam": "#c23b22",
    "sge": "#4d4d9e",
    "sk": "#1d7a6b",
}
"""White text is readable on each of them."""
_OTHERS = ("#5a5a5a", "#6b4c9a", "#3e7d7d", "#96502e", "#4a6f2f", "#8f3b63", "#2f5d8a", "#7a5c00")
_BOX = "display:inline-block;padding:1px 6px;margin:1px;border-radius:3px;font-family:monospace;font-size:0.92em;"
_JOINED = '<span style="font-size:0">-</span>'
"""Between boxes: it is not seen, but what is copied is the text of the placement."""
_EMPTY = "border:1px dashed #999;opacity:0.75"


def module_of(choice: str) -> str:
    """Return the module in the text of a choice, without ratio, options and attachment."""
    return re.split(r"\d+(?:[.+]|$)|\[|\.(?=\w+$)|\+", choice, maxsplit=1)[0]


def module_color(module: str) -> str:
    """Return the color of a module, `#rrggbb`: one of its own for seplace's modules, by its name for others."""
    return _COLORS.get(module, _OTHERS[zlib.crc32(module.encode()) % len(_OTHERS)])


def stage_strip(choices: Sequence[str], *, variant: str = "") -> str:
    """Return a placement as HTML: a box for the choice of each stage, colored by its module, and the backbone's name.

    `choices` are the texts of its choices, stage 1 first.
    """
    boxes = [_box(choice, title=f"stage {stage}") for stage, choice in enumerate(choices, start=1)]
    on = f'<span style="font-family:monospace;font-size:0.92em">@{html.escape(printable(variant))}</span>'
    return f"<span>{_JOINED.join(boxes)}{on if variant else ''}</span>"


def space_html(
    name: str, backbones: Sequence[str], count: int, choices: Sequence[Sequence[str]], *, noun: str, init: str
) -> str:
    """Return a search space as HTML: its backbones, its number of candidates, and the choices of each stage as boxes.

    Successive stages with the same choices share a row. `noun` is `stage` or `block`.
    """
    rows = []
    first = 0
    for stage in range(1, len(choices) + 1):
        if stage < len(choices) and list(choices[stage]) == list(choices[first]):
            continue
        numbers = f"{noun} {first + 1}" if stage == first + 1 else f"{noun}s {first + 1} to {stage}"
        boxes = "".join(_box(choice, title="") for choice in choices[first])
        rows.append(f'<tr><td style="padding:2px 8px">{numbers}</td><td style="text-align:left">{boxes}</td></tr>')
        first = stage
    written = ", ".join(f"<code>{html.escape(printable(each))}</code>" for each in backbones)
    return (
        f"<div><b>{html.escape(printable(name))}</b>: {count:,} placements on {written}; gates start at "
        f"<code>{html.escape(init)}</code><table>{''.join(rows)}</table></div>"
    )


def _box(choice: str, *, title: str) -> str:
    text = html.escape(printable(choice))
    look = _EMPTY if choice == "none" else f"border:1px solid transparent;color:#fff;background:{_color(choice)}"
    said = f'title="{title}: {text}" ' if title else ""
    return f'<span {said}style="{_BOX}{look}">{text}</span>'


def _color(choice: str) -> str:
    return module_color(module_of(choice))
