"""The progress of a run: a live view in a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seplace.report.console import OutsideConsole, is_live, notebook_display
from seplace.report.notebook_progress import NotebookProgress
from seplace.report.pace import count
from seplace.report.progress_text import standing

if TYPE_CHECKING:
    from rich.console import Console

    from seplace.search.progress import Progress, Standing

_LINE_SECONDS = 30.0
_REFRESHES = 2
"""The redraws of the live view in a second: a calm number."""


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Show the progress of a run on the error stream; yields the function to call with each progress.

    In a notebook it is one display that is updated in place. In a terminal it is a live view that is redrawn in place
    and removed at the end. Outside of one (a pipe, a log, a
    dumb terminal) it is a line for each phase, and one every half minute.
    """
    display = notebook_display()
    if display is not None:
        view = NotebookProgress(display)
        try:
            yield view.show
        finally:
            view.end()
        return
    console = OutsideConsole(stderr=True, highlight=False)
    if is_live(console):
        with _live(console) as show:
            yield show
        return
    lines = ProgressLines(lambda line: console.print(line, markup=False, soft_wrap=True))
    try:
        yield lines.show
    finally:
        lines.end()


@contextmanager
def _live(console: Console) -> Iterator[Callable[[Progress], None]]:
    from seplace.report.live import CalmLive, LiveView

    view = LiveView(now=time.monotonic)
    with CalmLive(view, console=console, refreshes=_REFRESHES):
        yield view.show
    if view.end:
        console.print(view.end, markup=False, soft_wrap=True)


class ProgressLines:
    """Writes a line when a phase begins and ends, and every half minute."""

    def __init__(self, write: Callable[[str], None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._now = now
        self._last: tuple[str, float] = ("", 0.0)
        self._unwritten: Progress | None = None
        self._best: Standing | None = None

    def show(self, progress: Progress) -> None:
        """Take a progress, and write it if it is due."""
        now = self._now()
        if progress.phase != self._last[0]:
            self.end()
        elif now - self._last[1] < _LINE_SECONDS:
            self._unwritten = progress
            return
        self._last = (progress.phase, now)
        self._write_line(progress)

    def end(self) -> None:
        """Write the last progress of a phase."""
        if self._unwritten is not None:
            self._write_line(self._unwritten)

    def _write_line(self, progress: Progress) -> None:
        self._unwritten = None
        self._write(f"{progress.phase} {count(progress)}, {standing(progress)}{self._fall(progress)}")

    def _fall(self, progress: Progress) -> str:
        """Explain why the value of the best is worse than in the line before."""
        now, metric = progress.standing, progress.metric
        before, self._best = self._best, now
        if before is None or now is None or before.best_value is None or now.best_value is None:
            return ""
        is_worse = metric.score(now.best_value) < metric.score(before.best_value)
        if not is_worse or metric.text(now.best_value) == metric.text(before.best_value):
            return ""
        lower = "lower" if metric.is_maximized else "higher"
        why = "more seeds were trained, and placements compete by means over seeds"
        return f"; the best is {lower} than before: {why}"
