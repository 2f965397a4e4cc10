"""Figures as files."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from seplace.errors import InputError, UnwritableFolder
from seplace.files.atomic import write_atomically

_UNDATED: dict[str, dict[str, Any] | None] = {".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "seplace",  # else the names inside an SVG are drawn at random
    "pdf.fonttype": 42,  # publishers refuse the default, Type 3
}


def refuse_unwritable(path: Path) -> None:
    """Raise InputError or UnwritableFolder for a path that no figure can be written to, before it is drawn."""
    if path.suffix not in _UNDATED:
        raise InputError(f"{path}: figures are written as {', '.join(_UNDATED)}")
    if path.is_dir():
        raise UnwritableFolder(f"{path}: is a folder, but a figure is to be written there")
    folder = next(each for each in path.absolute().parents if each.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe."):
            pass
    except OSError as error:
        raise UnwritableFolder(f"{path}: no figure can be written there ({error.strerror})") from error


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as .png, .svg or .pdf; the same figure gives the same bytes."""
    if path.suffix not in _UNDATED:
        raise InputError(f"{path}: figures are written as {', '.join(_UNDATED)}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format=path.suffix[1:], dpi=figure.dpi, metadata=_UNDATED[path.suffix])
    write_atomically(path, buffer.getvalue())
