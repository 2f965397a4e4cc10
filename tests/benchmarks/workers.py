"""How busy a search keeps many workers, in simulated time: `python -m tests.benchmarks.workers`.

The driver is real: it asks, trains, commits to a ledger and appends to an Optuna study on disk. Trainings take virtual
time; the driver's processor time passes too. As in the executor `processes`, a worker that is done gets its next
training when the driver next submits one or waits.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np

from seplace.results.evaluation import Evaluation, Job
from seplace.results.ledger import Ledger
from seplace.search.attempts import FailureRules
from seplace.search.cost_table import PlacementCosts
from seplace.search.driver import Driver
from seplace.search.optuna_file import OptunaFile
from seplace.search.scoring import Scoring
from seplace.seeds import derive_seed
from seplace.simulation.problem import SearchProblem
from seplace.simulation.problem_name import problem_of
from seplace.simulation.replay import Phases, budget_in, task_in
from tests.benchmarks.figures import show_machine


class VirtualWorkers:
    """An executor whose trainings take virtual seconds, while the driver takes real ones."""

    def __init__(self, problem: SearchProblem, *, workers: int, seconds: float, spread: float) -> None:
        self.problem = problem
        self.workers = workers
        self.seconds, self.spread = seconds, spread
        self.now, self.driver = 0.0, 0.0
        self.queue: deque[Job] = deque()
        self.ends: list[tuple[float, int, Job]] = []
        """A heap of the running trainings."""
        self.busy = 0.0
        """Worker seconds of the trainings that have ended."""
        self.begun = 0
        self.log: list[tuple[float, float, float]] = []
        """The time, the busy worker seconds until then, and the driver's seconds, after each training."""
        self.epochs_done = 0
        self._mark = 0.0

    def begin(self) -> None:
        """Let time pass from now on."""
        self._mark = time.process_time()

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.queue) + len(self.ends)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._pass_time()
        self.queue.append(job)
        self._dispatch()
        self._mark = time.process_time()

    def wait(self) -> list[Evaluation]:
        """Return what has finished, at the earliest when a training ends."""
        self._pass_time()
        if self.ends:
            self.now = max(self.now, self.ends[0][0])
        finished = []
        while self.ends and self.ends[0][0] <= self.now:
            _, _, job = heapq.heappop(self.ends)
            finished.append(self.problem.evaluate(job, on_epoch=lambda _: None))
            working = sum(end - self.now for end, _, _ in self.ends if end > self.now)
            self.log.append((self.now, self.busy - working, self.driver))
        self._dispatch()
        self._mark = time.process_time()
        return finished

    def close(self) -> None:
        """Forget the queue."""
        self.queue.clear()

    def _pass_time(self) -> None:
        passed = time.process_time() - self._mark
        self.now += passed
        self.driver += passed

    def _dispatch(self) -> None:
        """Let idle workers begin; those whose training has ended are idle once `wait` has returned it."""
        while self.queue and len(self.ends) < self.workers:
            job = self.queue.popleft()
            luck = np.random.default_rng(derive_seed("seconds", str(job.placement), job.seed))
            seconds = self.seconds * max(1 + self.spread * luck.standard_normal(), 0.1)
            self.begun += 1
            self.busy += seconds
            heapq.heappush(self.ends, (self.now + seconds, self.begun, job))


def search(
    problem: SearchProblem,
    *,
    sampler: str,
    evaluations: int,
    workers: int,
    seconds: float,
    spread: float,
) -> VirtualWorkers:
    """Search with a number of workers, and go on until all are in use when the last of the evaluations arrives."""
    phases = Phases(trainings=evaluations + 2 * workers, seeds=3, concurrent=workers)
    task = task_in(problem, phases, seed=0)
    executor = VirtualWorkers(problem, workers=workers, seconds=seconds, spread=spread)
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        driver = Driver(
            task,
            budget_in(problem, phases),
            name=problem.name,
            sampler=sampler,
            baselines={name: mark for name, mark in problem.space.baselines.items() if mark in problem.space},
            scoring=Scoring(makers={}, count=0),
            costs=PlacementCosts(task, ledger=ledger, evaluator=None),
            failure_rules=FailureRules(stop_after=1),  # none fails
            ledger=ledger,
            make_executor=lambda _: executor,
            optuna_file=OptunaFile(Path(folder) / "optuna.db"),
            observer=lambda _: None,
        )
        executor.begin()
        driver.run_baselines()
        driver.run_search()
    return executor


def main() -> None:
    """Print the share of the workers' time in which they train, and the driver's time for an evaluation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="usual")
    parser.add_argument("--samplers", default="effects")
    parser.add_argument("--workers", default="8,64,256")
    parser.add_argument("--evaluations", default="500,1000,2000,5000")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--spread", type=float, default=0.1)
    given = parser.parse_args()
    show_machine()
    counts = [int(count) for count in given.evaluations.split(",")]
    for sampler in given.samplers.split(","):
        for workers in map(int, given.workers.split(",")):
            found = search(
                problem_of(given.problem, number=0),
                sampler=sampler,
                evaluations=max(counts),
                workers=workers,
                seconds=given.seconds,
                spread=given.spread,
            )
            for before, count in zip([0, *counts], counts, strict=False):
                end, busy, driver = found.log[count - 1]
                _, _, driver_before = found.log[before - 1] if before else (0, 0, 0.0)
                print(
                    f"{sampler:<8} {workers:>4} workers, trainings of {given.seconds:g} s ± {given.spread:.0%}: "
                    f"{busy / workers / end:6.1%} busy up to {count:>5,} evaluations; the driver takes "
                    f"{1000 * (driver - driver_before) / (count - before):6.1f} ms for each since {before:,}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
