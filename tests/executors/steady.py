"""An evaluator that trains slowly, writes a checkpoint after each epoch, and notes what it has trained and where."""

import functools
import os
import time
from pathlib import Path

from seplace.evaluators import job_training, stand_alone
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import resolve_device

LOG, EPOCH_SECONDS = "STEADY_LOG", 0.25


class Steady(stand_alone.StandAlone):
    """The log is the file that the environment names: a line for each epoch, with the process."""

    def __init__(self, config, folder: Path, *, worker: int) -> None:
        stand_alone.torch.set_num_threads(1)
        super().__init__(config, folder, device=resolve_device("cpu", worker))
        job_training.Checkpoint = functools.partial(Checkpoint, every_seconds=0.0)

    def latencies(self, placements):
        with Path(os.environ[LOG]).open("a") as log:
            log.write(f"timed {os.getpid()}\n")
        return super().latencies(placements)

    def evaluate(self, job, *, on_epoch):
        def slowly(epoch: int) -> None:
            with Path(os.environ[LOG]).open("a") as log:
                log.write(f"{job.placement} {job.seed} {epoch} {os.getpid()}\n")
            time.sleep(EPOCH_SECONDS)
            on_epoch(epoch)

        return super().evaluate(job, on_epoch=slowly)
