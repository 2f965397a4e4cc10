"""How long a run takes, by what planning it has timed: an estimate to decide by, not a promise."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seplace.executors import EXECUTORS

if TYPE_CHECKING:
    from seplace.search.budget import Budget

_CLOSING = 0.5
"""The tables and figures at the end, by the time that starting takes, as measured on several machines' first study."""
_PROPOSING = 0.04
"""A proposal of a sampler with a model, by the time that starting takes; the others answer at once."""
_WITH_A_MODEL = ("effects", "gp", "tpe")
_TIMED = 256
"""So many placements are timed at the end, at most, and their choices alone."""


@dataclass(frozen=True, kw_only=True)
class TimeEstimate:
    """What planning has timed, in seconds, and what follows for the run."""

    starting: float
    """Of one process: imports, data, and what the first training alone has to do."""
    training: float
    """Of one placement: building, set-up, epochs and scores."""
    timing: float
    """Of the latency of one placement."""
    at_once: int
    """Trainings that run side by side."""
    is_inline: bool
    """Whether trainings run in the driver's own process."""

    def seconds(self, budget: Budget, *, sampler: str, baselines: int, candidates: int) -> float:
        """Return the time of the whole run, without the scores of proxies."""
        searched = max((budget.trainings or 0) - baselines, 0)
        rounds = sum(math.ceil(each / self.at_once) for each in (baselines, searched, budget.confirm_trainings))
        processes = 1 if self.is_inline else 2  # the driver, and then all workers side by side
        proposing = _PROPOSING * self.starting if sampler in _WITH_A_MODEL else 0.0
        timed = min(baselines + searched, candidates + baselines, _TIMED)
        return (
            (processes + _CLOSING) * self.starting
            + rounds * self.training
            + (budget.hours or 0.0) * 3600
            + searched * proposing / self.at_once
            + timed * self.timing
        )


def at_once(executor: str, *, workers: int, threads: int, gpus: int | None) -> tuple[int, str]:
    """Return how many trainings can run side by side here, and a sentence where the study asks for more.

    `gpus` is the number of GPUs that trainings use; 0 on a processor, None where that is not known.
    """
    cores = usable_cores()
    if executor == "inline":
        note = f"workers: {workers} has no effect with executor inline, which trains one after the other"
        return 1, note if workers > 1 else ""
    if EXECUTORS.is_external(executor) or gpus is None:
        return workers, ""
    if gpus:
        here, what = gpus, f"{gpus} GPU{'s' if gpus > 1 else ''}"
    else:
        here = max(cores // threads, 1)
        what = f"{cores} core{'s' if cores > 1 else ''} at {threads} thread{'s' if threads > 1 else ''} a worker"
    if workers <= here and (gpus or threads <= cores):
        return workers, ""
    return min(workers, here), (
        f"{workers} worker{'s' if workers > 1 else ''} of {threads} thread{'s' if threads > 1 else ''} "
        f"are more than this machine has room for ({what}): they wait for each other, and the estimate counts {here}"
    )


def usable_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
