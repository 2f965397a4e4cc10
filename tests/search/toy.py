"""Studies without trainings: an evaluator that answers at once, and an executor that finishes in any order."""

import random
from pathlib import Path

import numpy as np

from seplace.arrays import ImageBits
from seplace.executors.executor import failed_evaluation
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job, Tested
from seplace.results.ledger import Ledger
from seplace.search.run_study import run_study
from seplace.seeds import derive_seed
from seplace.study.config import load_study

NOISE = 5.0
"""Range of the noise of a training, in points; a gate adds one."""


class Stop(Exception):
    """Interrupts a run here."""


class ToyEvaluations:
    """Replaces the training of StandAlone: accuracies are drawn from placement and seed; all calls are kept."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, int, int]] = []
        self.tested: list[tuple[str, int, int]] = []
        self.failing: dict[str, str] = {}
        """Reasons by placement."""
        self.fails_once = False
        """Whether a failing placement succeeds at its second attempt."""
        self.images: int | None = None
        """The number of validation images of which it says whether they are right; None where it does not."""
        self.stop_after: int | None = None
        self.length = 1
        self.rungs: tuple[int, ...] = ()
        self.early_noise = 0.0
        """Of the accuracies at rungs, which are 20 points below those at the end."""

    def evaluate(self, job: Job, *, on_epoch) -> Evaluation:
        if self.stop_after is not None and len(self.trained) >= self.stop_after:
            raise Stop
        self.trained.append(job.key)
        on_epoch(1)
        if reason := self.failing.get(str(job.placement)):
            if self.fails_once:
                del self.failing[str(job.placement)]
            return failed_evaluation(job, reason=reason, message=f"it {reason}", attempts=1)
        accuracy = self.value_after(job.epochs, job)
        correct = None if self.images is None else bits_of(accuracy, self.images, seed=job.seed)
        return Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="complete",
            value=accuracy if correct is None else correct.accuracy,
            correct=correct,
            cross_entropy=1.0,
            curve=tuple(
                {"epoch": epoch, "value": self.value_after(epoch, job), "cross_entropy": 2.0, "train_loss": 2.0}
                for epoch in self.rungs
                if epoch <= job.epochs
            ),
            weights="none",
        )

    def value_after(self, epochs: int, job: Job) -> float:
        whole = accuracy_of(job.placement, job.seed)
        if epochs == self.length:
            return whole
        luck = random.Random(derive_seed("early", str(job.placement), job.seed, epochs))
        return whole - 20 + luck.gauss(0, 1) * self.early_noise

    def test(self, evaluation: Evaluation) -> Tested:
        self.tested.append(evaluation.key)
        return Tested(value=evaluation.value - 1, cross_entropy=1.1)


def bits_of(accuracy: float, images: int, *, seed: int) -> ImageBits:
    """Return images of which about a share is right, others on each seed."""
    order = list(range(images))
    random.Random(seed).shuffle(order)
    return ImageBits.of(np.array(order) < round(accuracy * images / 100))


def accuracy_of(placement: Placement, seed: int) -> float:
    gates = sum(choice.module != "none" for choice in placement.choices)
    return 50 + gates + random.Random(derive_seed(str(placement), seed)).uniform(0, NOISE)


class Scrambled:
    """Holds up to `workers` jobs and finishes them in an order of its own."""

    order = random.Random(0)

    def __init__(self, maker, *, workers, max_retries, on_progress) -> None:
        del max_retries, on_progress
        self.evaluator = maker.make(0)
        self.workers = workers
        self.jobs: list[Job] = []
        self.epochs_done = 0

    @property
    def running(self) -> int:
        return len(self.jobs)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def wait(self) -> list[Evaluation]:
        some = [self.jobs.pop(self.order.randrange(min(self.workers, len(self.jobs))))]
        if self.jobs and self.order.random() < 0.5:
            some.append(self.jobs.pop(0))
        return [self.evaluator.evaluate(job, on_epoch=lambda _: None) for job in some]

    def close(self) -> None:
        self.jobs.clear()


def go(path: Path, folder: Path, observer=lambda _: None, *, retry_failed: bool = False) -> None:
    run_study(load_study(path), folder, observer=observer, retry_failed=retry_failed)


def left_in(folder: Path) -> dict[str, object]:
    """The results of a study, without anything that was timed."""
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        rows = sorted(ledger.evaluations(), key=lambda row: row.key)
        return {
            "evaluations": [(row.key, row.state, row.value, row.correct, dict(row.costs)) for row in rows],
            "tests": ledger.tests(),
            "test images": ledger.test_images(),
            "proposals": ledger.proposals(),
            "rungs": sorted((row.key, row.value) for row in ledger.rungs()),
            "rung facts": ledger.fact("rungs"),
            "finished": ledger.fact("finished"),
        }


def keys_in(folder: Path) -> list[tuple[str, int, int]]:
    """The evaluations in the order in which they were committed."""
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return [row.key for row in ledger.evaluations()]


def read_on_test_split(folder: Path) -> set[str]:
    """Return the placements that the test split was read for."""
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return {text for text, _, _ in ledger.tests()}


class Shelf(dict):
    """A table of executors that stand in this package."""

    def is_external(self, _: str) -> bool:
        return False
