"""Trainings in this process, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from seplace.executors.executor import Maker, evaluate_job
from seplace.results.evaluation import Evaluation, Job


class Inline:
    """Runs each job during `wait`; errors of the machine are not caught here."""

    def __init__(
        self,
        maker: Maker,
        *,
        workers: int,  # noqa: ARG002 - one process is all there is
        max_retries: int,  # noqa: ARG002 - nothing can die but the run itself
        on_progress: Callable[[], None],
    ) -> None:
        self.maker = maker
        self.on_progress = on_progress
        self.queue: deque[Job] = deque()
        self.epochs_done = 0

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.queue)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.queue.append(job)

    def wait(self) -> list[Evaluation]:
        """Run the oldest job."""
        evaluation = evaluate_job(self.maker.make(0), self.queue[0], on_epoch=self._on_epoch)
        self.queue.popleft()
        self.epochs_done = 0
        return [evaluation]

    def close(self) -> None:
        """Forget the queue."""
        self.queue.clear()

    def _on_epoch(self, epoch: int) -> None:
        self.epochs_done = epoch
        self.on_progress()
