"""How long a run takes, by what planning it has timed: an estimate to decide by, not a promise."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seplace.executors import EXECUTORS

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig

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

    def seconds(self, config: StudyConfig, *, baselines: int, space: int) -> float:
        """Return the time of the whole run, without the scores of proxies."""
        search, confirm = config.search, config.confirm
        searched = max((search.trainings or 0) - baselines, 0)
        rounds = math.ceil(baselines / self.at_once) + math.ceil(searched / self.at_once)
        if confirm is not None:
            rounds += math.ceil(confirm.trainings / self.at_once)
        processes = 1 if config.run.executor == "inline" else 2  # the driver, and then all workers side by side
        proposing = _PROPOSING * self.starting if search.sampler in _WITH_A_MODEL else 0.0
        timed = min(baselines + searched, space + baselines, _TIMED)
        return (
            (processes + _CLOSING) * self.starting
            + rounds * self.training
            + (search.hours or 0.0) * 3600
            + searched * proposing / self.at_once
            + timed * self.timing
        )


def at_once(config: StudyConfig, *, gpus: int | None) -> tuple[int, str]:
    """Return how many trainings can run side by side here, and a sentence where the study asks for more.

    `gpus` is the number of GPUs that trainings use; 0 on a processor, None where that is not known.
    """
    run, cores = config.run, usable_cores()
    if run.executor == "inline":
        note = f"workers: {run.workers} has no effect with executor inline, which trains one after the other"
        return 1, note if run.workers > 1 else ""
    if EXECUTORS.is_external(run.executor) or gpus is None:
        return run.workers, ""
    if gpus:
        here, what = gpus, f"{gpus} GPU{'s' if gpus > 1 else ''}"
    else:
        here = max(cores // run.threads, 1)
        what = (
            f"{cores} core{'s' if cores > 1 else ''} at {run.threads} thread{'s' if run.threads > 1 else ''} a worker"
        )
    if run.workers <= here and (gpus or run.threads <= cores):
        return run.workers, ""
    return min(run.workers, here), (
        f"{run.workers} worker{'s' if run.workers > 1 else ''} of {run.threads} thread{'s' if run.threads > 1 else ''} "
        f"are more than this machine has room for ({what}): they wait for each other, and the estimate counts {here}"
    )


def usable_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
