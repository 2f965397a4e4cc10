"""The console that everything is printed on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from seplace.files.plain_text import printable

_PIPE_WIDTH = 160
"""The width up to which tables in a pipe keep a row on one line."""
_DUMB = ("dumb", "unknown")


class OutsideConsole(Console):
    """A console that prints control characters in text from outside as text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render something; all but rich's own control segments is made printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class PipeConsole(OutsideConsole):
    """A console for a pipe or a file: it has no width, and nothing is left out there."""


def output_console() -> Console:
    """Return the console of standard output: a terminal, or a pipe.

    The variables COLUMNS, NO_COLOR and FORCE_COLOR mean what they mean elsewhere; a pipe with COLUMNS is as narrow as
    a terminal.
    """
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return OutsideConsole(highlight=False)
    return PipeConsole(highlight=False, width=_PIPE_WIDTH)


def is_pipe(console: Console) -> bool:
    """Return whether a console has no width of its own."""
    return isinstance(console, PipeConsole)


def is_live(console: Console) -> bool:
    """Return whether a console can redraw lines: a terminal, and not one that calls itself dumb.

    FORCE_COLOR colors a log, but makes no terminal of it.
    """
    return console.file.isatty() and os.environ.get("TERM", "").lower() not in ("", *_DUMB)


def notebook_display() -> Callable[..., Any] | None:
    """Return IPython's `display` inside of a notebook; None in a terminal, also in IPython's own."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if ipython is None or not hasattr(shell, "kernel"):
        return None
    display: Callable[..., Any] = ipython.display.display
    return display
