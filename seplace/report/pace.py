"""How far a phase of a run is, and how long it and the run will still take."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Left:
    """What is left of a run at the pace of its phase so far, in seconds."""

    phase: float
    run: float | None
    """Of all trainings, those of a confirmation included; None where it is not known how many follow."""

    @property
    def text(self) -> str:
        """`about 12 min left`, of the run where that is known."""
        seconds = self.phase if self.run is None else self.run
        return f"about {duration(max(seconds, 1.0))} left{' in this phase' * (self.run is None)}"


class Clock:
    """How long a run has taken, and how long it will still take."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begin = now()
        self._phase: tuple[str, float, float] = ("", 0.0, 0.0)
        """The phase, when it began, and what was done of it then."""

    @property
    def seconds(self) -> float:
        """The seconds of this run."""
        return self._now() - self._begin

    def left(self, progress: Progress) -> Left | None:
        """Return what is left at the pace of the phase so far; None while that is not known."""
        if progress.phase != self._phase[0]:
            self._phase = (progress.phase, self._now(), progress.done)
        _, begin, before = self._phase
        done = progress.done - before
        if done <= 0 or done < _ENOUGH * progress.total:
            return None
        pace = (self._now() - begin) / done
        rest = progress.total - progress.done
        return Left(pace * rest, None if progress.later is None else pace * (rest + progress.later))
