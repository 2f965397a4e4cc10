"""What every executor must do, wherever it runs its jobs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker, Executor
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study
from seplace.testing.expectations import expect
from seplace.testing.studies import write_study
from seplace.testing.toy_evaluator import BUG, ERRORS, NO_GPU_MEMORY, NO_MEMORY

_SECONDS = 90.0
_PLACEMENT = Placement.parse("none-se4-eca")


def brings_every_job_back_once(name: str) -> None:
    """Check that each job is answered once, that progress is reported, and that more jobs can follow."""
    progress: list[int] = []
    with opened(name, workers=2, progress=progress) as executor:
        finished = run(executor, range(7))
        expect(sorted(each.seed for each in finished) == list(range(7)), f"executor {name} loses or repeats a job")
        for each in finished:
            found = (each.placement, each.epochs, each.state, each.value, each.attempts)
            wanted = (_PLACEMENT, 3, "complete", each.seed, 1)
            expect(found == wanted, f"executor {name} gives {found}, wanted: {wanted}")
        expect(executor.epochs_done == 0, f"executor {name} counts epochs of jobs that have finished")
        expect(progress, f"executor {name} never calls on_progress")
        expect([each.seed for each in run(executor, [8])] == [8], f"executor {name} takes no job after the first ones")


def ends_the_run_with_an_error_of_seplace(name: str) -> None:
    """Check that an error that is the same for every job, such as bad data, is raised as it is."""
    for seed, error in ERRORS.items():
        with opened(name, workers=1) as executor:
            try:
                run(executor, [seed])
            except type(error) as raised:
                is_same = str(raised) == str(error) and vars(raised) == vars(error)
                expect(is_same, f"executor {name} raises {raised!r}, wanted: {error!r}")
            else:
                raise AssertionError(f"executor {name} does not raise {error!r}")


def fails_one_training_alone(name: str) -> None:
    """Check that memory that runs out, or a bug in the user's evaluator, fails its job, and that others go on."""
    with opened(name, workers=1) as executor:
        found = [(each.seed, each.state, each.reason) for each in run(executor, [NO_MEMORY, NO_GPU_MEMORY, BUG, 1])]
    wanted = [(NO_MEMORY, "failed", "oom"), (NO_GPU_MEMORY, "failed", "oom"), (BUG, "failed", "error")]
    expect(found == [*wanted, (1, "complete", "")], f"executor {name} gives {found}, wanted: {wanted} and one result")


CHECKS = (brings_every_job_back_once, ends_the_run_with_an_error_of_seplace, fails_one_training_alone)


@contextmanager
def opened(name: str, *, workers: int, progress: list[int] | None = None) -> Iterator[Executor]:
    """Open an executor of toy evaluators in a temporary folder, and close it at the end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        study = write_study(folder, {"evaluator": {"name": "seplace.testing.toy_evaluator:ToyEvaluator"}})
        noted: list[int] = [] if progress is None else progress
        executor: Executor = EXECUTORS[name](
            EvaluatorMaker(load_study(study), folder),
            workers=workers,
            max_retries=1,
            on_progress=lambda: noted.append(executor.epochs_done),
        )
        try:
            yield executor
        finally:
            executor.close()


def run(executor: Executor, seeds: Sequence[int]) -> list[Evaluation]:
    """Submit jobs and return their evaluations, in the order in which they finish."""
    for seed in seeds:
        executor.submit(Job(placement=_PLACEMENT, seed=seed, epochs=3))
    expect(executor.running == len(seeds), f"{executor.running} jobs run after {len(seeds)} were submitted")
    finished: list[Evaluation] = []
    until = time.monotonic() + _SECONDS
    while executor.running:
        expect(time.monotonic() < until, f"nothing finishes in {_SECONDS:g} s")
        finished += executor.wait()
    return finished
