"""Figures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from seplace.errors import InputError
from seplace.files.atomic import write_atomically

_UNDATED: dict[str, dict[str, Any] | None] = {".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "seplace",  # else the names inside an SVG are drawn at random
    "pdf.fonttype": 42,  # publishers refuse the default, Type 3
}


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as .png, .svg or .pdf; the same figure gives the same bytes."""
    if path.suffix not in _UNDATED:
        raise InputError(f"{path}: figures are written as {', '.join(_UNDATED)}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format=path.suffix[1:], dpi=figure.dpi, metadata=_UNDATED[path.suffix])
    write_atomically(path, buffer.getvalue())
