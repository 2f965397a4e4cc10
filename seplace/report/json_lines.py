"""The progress and the outcome of a run as JSON, one object a line, for other programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seplace.report.pace import Clock
from seplace.results.tables import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.api import Results
    from seplace.errors import SeplaceError
    from seplace.search.progress import Progress

_SECONDS = 1.0
"""The least time between two progresses of a phase."""


class JsonLines:
    """Writes events: `training`, `progress` at most once a second, and at the end `outcome` or `error`."""

    def __init__(self, write: Callable[[str], None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._now = now
        self._clock = Clock(now)
        self._last: tuple[str, float] = ("", 0.0)

    def show(self, progress: Progress) -> None:
        """Take a progress: write its trainings, and itself if it is due."""
        for each in progress.news:
            self._event(
                "training",
                {
                    "placement": str(each.placement),
                    "seed": each.seed,
                    "epochs": each.epochs,
                    "state": each.state,
                    progress.metric.column: each.value,
                    **({"cross_entropy": each.cross_entropy} if progress.metric.is_accuracy else {}),
                    "seconds": round(each.seconds, 3),
                    "reason": each.reason,
                },
            )
        left = self._clock.left(progress)
        now = self._now()
        is_end = progress.done >= progress.total
        if progress.phase == self._last[0] and now - self._last[1] < _SECONDS and not is_end:
            return
        self._last = (progress.phase, now)
        front = progress.standing
        best = None
        if front is not None and front.best is not None:
            best = {"placement": str(front.best), progress.metric.column: front.best_value, "seeds": front.best_seeds}
        self._event(
            "progress",
            {
                "study": progress.study,
                "phase": progress.phase,
                "done": round(progress.done, 4),
                "total": progress.total,
                "trained": progress.trained,
                "failed": progress.failed,
                "running": progress.running,
                "workers": progress.workers,
                "front_size": None if front is None else front.front_size,
                "hypervolume": None if front is None else front.hypervolume,
                "best": best,
                "seconds": round(self._clock.seconds, 3),
                "seconds_left": None if left is None else round(left.phase, 1),
            },
        )

    def outcome(self, results: Results, *, exported: Path | None) -> None:
        """Write the outcome of a run."""
        front = json.loads(to_json(results.front, results.metric))
        self._event(
            "outcome",
            {
                "study": results.config.name,
                "results": str(results.folder),
                "finished": results.finished,
                "trained": results.count - len(results.failed),
                "failed": len(results.failed),
                "verdict": results.verdict,
                "advice": results.advice.to_json(),
                "front": front,
                "exported": None if exported is None else str(exported),
                "seconds": round(self._clock.seconds, 3),
            },
        )

    def error(self, error: SeplaceError) -> None:
        """Write the error that ended a run."""
        self._event("error", {"message": str(error), "exit_code": error.exit_code})

    def _event(self, event: str, content: dict[str, Any]) -> None:
        self._write(json.dumps({"event": event} | content))
