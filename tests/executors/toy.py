"""An evaluator that trains nothing and does what a job's seed says; workers import it by its path."""

import os
import re
import signal
import sys
import time
from pathlib import Path

from seplace.errors import DataError, TrainingFailed, UnknownName
from seplace.files.atomic import DiskFull
from seplace.results.evaluation import Evaluation

DIES, DIES_ONCE, BUG, SLEEPS, NO_MEMORY, SPINS, NO_GPU_MEMORY, GPU_STOPS = range(101, 109)

ERRORS = {
    201: DataError("no data here"),
    202: DiskFull("a.ckpt: cannot write 1,024 bytes (No space left on device)"),  # an OSError, as a dead pipe gives one
    203: UnknownName("cost", "flop", ["flops", "macs"]),  # made of more than its message, as the next one
    204: TrainingFailed("diverged", "nobody has caught it"),
}
"""What the run must end with, by seed."""


class Toy:
    def __init__(self, config, folder: Path, *, worker: int) -> None:
        del config
        self.folder = folder
        self.worker = worker

    def evaluate(self, job, *, on_epoch) -> Evaluation:
        on_epoch(1)
        if job.seed == DIES or (job.seed == DIES_ONCE and not (self.folder / "died").exists()):
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if job.seed == BUG:
            raise ZeroDivisionError("a bug")
        if job.placement.is_plain and job.seed == 0:
            sys.exit(0)
        if job.seed == NO_MEMORY:
            raise MemoryError("Unable to allocate 9 TiB")
        if job.seed == NO_GPU_MEMORY:
            raise RuntimeError("CUDA out of memory.\nTried to allocate 9 TiB")
        if job.seed == GPU_STOPS:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")
        if job.seed in ERRORS:
            raise ERRORS[job.seed]
        if job.seed == SPINS:
            re.match("(a+)+$", "a" * 60 + "b")  # one call into C, which holds the interpreter for ever
        if job.seed == SLEEPS:
            (self.folder / "sleeping").write_text(str(os.getpid()))
            time.sleep(600)
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            accuracy=float(job.seed),
            device=f"worker {self.worker}",
        )
