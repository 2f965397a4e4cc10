"""Executors of a user's own that do not do what they should, and evaluators that return something else."""

import signal
import time
from dataclasses import replace
from typing import Any

from seplace.executors.executor import failed_evaluation
from seplace.executors.inline import Inline
from tests.faults.quick import Quick


class Silent(Inline):
    """Says for ever that everything runs, until a user loses patience."""

    since: float | None = None

    def wait(self) -> list[Any]:
        self.since = self.since or time.monotonic()
        if time.monotonic() - self.since > 0.5:
            signal.raise_signal(signal.SIGINT)
        return []


class Loses(Inline):
    """Forgets its jobs."""

    def wait(self) -> list[Any]:
        self.queue.clear()
        return []


class Repeats(Inline):
    """Returns each evaluation twice."""

    def wait(self) -> list[Any]:
        (evaluation,) = super().wait()
        return [evaluation, evaluation]


class ReturnsNothing(Quick):
    def evaluate(self, job, *, on_epoch) -> Any:
        return None if job.seed else super().evaluate(job, on_epoch=on_epoch)


class ReturnsAnother(Quick):
    def evaluate(self, job, *, on_epoch) -> Any:
        if job.seed:
            return failed_evaluation(replace(job, seed=8), reason="error", message="", attempts=1)
        return super().evaluate(job, on_epoch=on_epoch)


class DescribesLittle(Quick):
    def describe_images(self) -> dict[str, Any]:
        return {"classes": ["a"]}
