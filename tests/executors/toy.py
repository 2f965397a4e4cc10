"""An evaluator that trains nothing and does what a job's seed says; workers import it by its path."""

import os
import re
import signal
import sys
import time
from pathlib import Path

from seplace.results.evaluation import Evaluation

DIES, DIES_ONCE, BUG, SLEEPS, _, SPINS, _, GPU_STOPS = range(101, 109)


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
        if job.seed == GPU_STOPS:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")
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
            value=float(job.seed),
            device=f"worker {self.worker}",
        )
