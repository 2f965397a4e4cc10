"""The progress of a run in a notebook: one display that is updated in place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seplace.report.notebook import text_html
from seplace.report.numbers import duration
from seplace.report.pace import Clock, count
from seplace.report.progress_text import standing
from seplace.results.verdict import counted

if TYPE_CHECKING:
    from seplace.search.progress import Progress

_LEAST_SECONDS = 0.5
"""Between two updates: a page that is stored with its outputs, or shown far away, takes no more."""


class NotebookProgress:
    """Shows the progress of a run in one display."""

    def __init__(self, display: Callable[..., Any], *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._clock = Clock(now)
        self._finished = 0
        self._progress: Progress | None = None
        self._shown: tuple[str, float] = ("", 0.0)
        self._handle = display(self, display_id=True)

    def show(self, progress: Progress) -> None:
        """Take a progress, and show it unless the one before was shown just now."""
        self._progress = progress
        self._finished += len(progress.news)
        now = self._now()
        if progress.phase != self._shown[0] or now - self._shown[1] >= _LEAST_SECONDS:
            self._shown = (progress.phase, now)
            self._handle.update(self)

    def end(self) -> None:
        """Show the last progress."""
        self._handle.update(self)

    def __repr__(self) -> str:
        """Return the progress in a line, for what shows no HTML."""
        progress = self._progress
        if progress is None:
            return "preparing …"
        return f"{progress.study}: {progress.phase} {count(progress)}, {standing(progress)}"

    def _repr_html_(self) -> str:
        progress = self._progress
        if progress is None:
            return "<div>preparing …</div>"
        left = self._clock.left(progress)
        rest = left.text if left is not None and progress.done < progress.total else ""
        times = ", ".join(filter(None, [f"{duration(self._clock.seconds)} so far", rest]))
        trained = f"{counted(self._finished, 'training')} of this run"
        return (
            f"<div><b>{text_html(progress.study)}</b>: {text_html(progress.phase)} "
            f'<progress max="{progress.total:.6g}" value="{progress.done:.6g}" style="width:16em"></progress> '
            f"{text_html(count(progress))}, {text_html(times)}"
            f'<div style="opacity:0.75">{text_html(standing(progress))}; {trained}</div></div>'
        )
