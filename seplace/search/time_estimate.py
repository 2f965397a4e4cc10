"""The time of a run, estimated from what its plan has timed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seplace.executors import EXECUTORS
from seplace.machine import usable_cores

if TYPE_CHECKING:
    from seplace.search.budget import Budget

_CLOSING = 0.5
"""The time of the tables and figures at the end, in units of the starting time, as measured on several machines."""
_PROPOSING = 0.04
"""The time of a proposal of a sampler with a model, in units of the starting time; others take none."""
_WITH_A_MODEL = ("effects", "gp", "tpe")
_TIMED = 256
"""The most placements whose latency is measured at the end."""


@dataclass(frozen=True, kw_only=True)
class TimeEstimate:
    """Times in seconds that a plan has measured, from which the time of the run follows."""

    starting: float
    """The start of one process: imports, data, and the extra time of the first training."""
    training: float
    """One training: building, set-up, epochs and scores."""
    timing: float
    """Measuring the latency of one placement."""
    at_once: int
    """Trainings that run side by side."""
    is_inline: bool
    """Whether trainings run in the driver's own process."""

    def seconds(self, budget: Budget, *, sampler: str, baselines: int, candidates: int) -> float:
        """Return the time of the whole run, without the scores of proxies."""
        searched = max((budget.trainings or 0) - baselines, 0)
        begun: tuple[int, ...] = (baselines + searched,) if budget.overlaps(baselines) else (baselines, searched)
        rounds = sum(math.ceil(each / self.at_once) for each in (*begun, budget.confirm_trainings))
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
    """Return how many trainings can run side by side here, and a sentence if the study wants more.

    `gpus` is the number of GPUs that trainings use: 0 on a CPU, None if it is unknown.
    """
    cores = usable_cores()
    if executor == "inline":
        note = f"workers: {workers} has no effect with executor inline, which trains one after the other"
        return 1, note if workers > 1 else ""
    if EXECUTORS.is_external(executor) or executor == "ray" or gpus is None:  # their machines are not this one
        return workers, ""
    if gpus:
        shared = (
            f"{workers} workers share {gpus} GPU{'s' if gpus > 1 else ''}: the estimate counts one training at a time "
            "on each, and workers: auto measures what more are worth"
        )
        return min(workers, gpus), shared if workers > gpus else ""
    here = max(cores // threads, 1)
    what = f"{cores} core{'s' if cores > 1 else ''} at {threads} thread{'s' if threads > 1 else ''} a worker"
    if workers <= here and threads <= cores:
        return workers, ""
    return min(workers, here), (
        f"{workers} worker{'s' if workers > 1 else ''} of {threads} thread{'s' if threads > 1 else ''} "
        f"are more than this machine has room for ({what}): they wait for each other, and the estimate counts {here}"
    )
