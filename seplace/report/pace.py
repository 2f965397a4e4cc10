"""How far a phase of a run is, and how long it will still take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from seplace.report.numbers import duration

if TYPE_CHECKING:
    from seplace.search.progress import Progress

_ENOUGH = 0.02
"""The share of a phase after which its end can be estimated."""


def count(progress: Progress) -> str:
    """Return `12/60`: trainings done, and all trainings of this phase; or the share of a budget in hours."""
    if progress.phase == "search" and progress.total == 1:
        return f"{100 * progress.done:.0f} % of its time"
    return f"{int(progress.done)}/{math.ceil(progress.total)}"


class Clock:
    """How long a run has taken, and how long its phase will still take."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begin = now()
        self._phase: tuple[str, float, float] = ("", 0.0, 0.0)
        """The phase, when it began, and what was done of it then."""

    @property
    def seconds(self) -> float:
        """The seconds of this run."""
        return self._now() - self._begin

    def left(self, progress: Progress) -> float | None:
        """Return the seconds until the end of the phase at its pace so far; None while that is not known."""
        if progress.phase != self._phase[0]:
            self._phase = (progress.phase, self._now(), progress.done)
        _, begin, before = self._phase
        done = progress.done - before
        if done <= 0 or done < _ENOUGH * progress.total:
            return None
        return (self._now() - begin) * (progress.total - progress.done) / done


def left_text(seconds: float | None) -> str:
    """Return `about 12 min left`, or nothing while it is not known."""
    return "" if seconds is None else f"about {duration(max(seconds, 1.0))} left"
