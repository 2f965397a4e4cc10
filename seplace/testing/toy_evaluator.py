"""An evaluator that trains nothing and does what a job's seed says; workers import it by its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.errors import DataError, SeplaceError, TrainingFailed, UnknownName
from seplace.files.atomic import DiskFull
from seplace.results.evaluation import Evaluation

if TYPE_CHECKING:
    from seplace.results.evaluation import Job
    from seplace.study.config import StudyConfig

BUG, NO_MEMORY, NO_GPU_MEMORY = 301, 302, 303
"""Seeds that fail one training each."""

ERRORS: dict[int, SeplaceError] = {
    201: DataError("no data here"),
    202: DiskFull("a.ckpt: cannot write 1,024 bytes (No space left on device)"),  # an OSError, as a dead pipe gives one
    203: UnknownName("cost", "flop", ["flops", "macs"]),  # made of more than its message, as the next one
    204: TrainingFailed("diverged", "nobody has caught it"),
}
"""The errors that end a run, by seed."""


class ToyEvaluator:
    """Answers a job with its seed as the value of the metric."""

    def __init__(self, config: StudyConfig, folder: Path, *, worker: int) -> None:
        del config, folder
        self.worker = worker

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Return the evaluation of a job, or raise the error of its seed."""
        on_epoch(1)
        if job.seed == BUG:
            raise ZeroDivisionError("a bug")
        if job.seed == NO_MEMORY:
            raise MemoryError("Unable to allocate 9 TiB")
        if job.seed == NO_GPU_MEMORY:
            raise RuntimeError("CUDA out of memory.\nTried to allocate 9 TiB")
        if job.seed in ERRORS:
            raise ERRORS[job.seed]
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            value=float(job.seed),
            device=f"worker {self.worker}",
        )
