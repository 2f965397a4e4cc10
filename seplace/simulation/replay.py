"""One simulated search: the driver of real searches, on a problem whose trainings answer at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from seplace.errors import InputError
from seplace.executors.inline import Inline
from seplace.results.ledger import Ledger
from seplace.samplers.task import Task
from seplace.search.attempts import FailureRules
from seplace.search.budget import Budget
from seplace.search.cost_table import PlacementCosts
from seplace.search.driver import Driver
from seplace.search.scoring import Scoring

if TYPE_CHECKING:
    from seplace.effects.design import Design
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job
    from seplace.simulation.problem import SearchProblem

_SCORED_PLACEMENTS = 64
"""The candidates that a problem's proxy scores: the default of a study."""


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The phases of a simulated search, for any problem."""

    trainings: int
    """Trainings of baselines and search together."""
    seeds: int
    """The most seeds of one placement in the search, as far as the problem has them."""
    confirm_seeds: int = 0
    """The most seeds of one placement after the confirmation."""
    confirm_trainings: int = 0
    """Further trainings that confirm the front; 0 leaves the confirmation out."""
    stop: Literal["budget", "settled"] = "budget"
    concurrent: int = 1
    """Trainings that run at once in the simulated search: a proposal is made without their results."""
    rungs: tuple[float, ...] = ()
    """Epochs after which a training may be stopped; values below 1 are shares of the full length."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The results of a simulated search."""

    evaluations: list[Evaluation]
    """In the order in which they were trained."""
    spent: list[float]
    """The amount of training after each of them, in full lengths."""
    total: float
    """The amount of training at the end, in full lengths."""
    rungs: dict[str, Any] | None
    """The state of the rungs at the end, if there were any."""
    expected_regret: float
    """The expected hypervolume regret of the recommended front after the search, as a share of the attainable."""
    searched: int
    """Trainings of baselines and search."""
    design: Design = field(compare=False)
    """The model's design of the space, including a covariate if the problem has a proxy."""


def replay(problem: SearchProblem, phases: Phases, *, sampler: str, seed: int) -> Replay:
    """Search in a problem with a sampler."""
    task, budget = task_in(problem, phases, seed=seed), budget_in(problem, phases)
    clock = _Clock(replace(problem, scored=budget.rungs))
    with Ledger(None) as ledger:
        driver = Driver(
            task,
            budget,
            name=problem.name,
            sampler=sampler,
            baselines={name: mark for name, mark in problem.space.baselines.items() if mark in problem.space},
            scoring=Scoring(
                makers={} if problem.proxy is None else {"simulated": lambda: problem}, count=_SCORED_PLACEMENTS
            ),
            costs=PlacementCosts(task, ledger=ledger, evaluator=None),
            failure_rules=FailureRules(stop_after=1),  # no simulated training fails
            ledger=ledger,
            make_executor=lambda on_progress: Inline(clock, workers=1, max_retries=0, on_progress=on_progress),
            optuna_file=None,
            observer=None,
        )
        driver.run_proxies()
        driver.run_baselines()
        driver.run_search()
        driver.run_confirmation()
        regret = ledger.fact("regret")
        return Replay(
            evaluations=ledger.evaluations(),
            spent=[each / problem.length for each in clock.ends],
            total=clock.epochs / problem.length,
            rungs=ledger.fact("rungs"),
            expected_regret=regret["mean"],
            searched=regret["trainings"],
            design=driver.task.design,
        )


def task_in(problem: SearchProblem, phases: Phases, *, seed: int) -> Task:
    """Return the task of a search in a problem."""
    return Task(
        space=problem.space,
        cost_table=problem.cost_table,
        cost=problem.cost,
        metric=problem.metric,
        seeds=_within(problem, phases.seeds),
        seed=seed,
    )


def budget_in(problem: SearchProblem, phases: Phases) -> Budget:
    """Return the budget of a search in a problem. Raises InputError for rungs that the problem does not allow."""
    if not all(map(math.isfinite, phases.rungs)):
        raise InputError(f"rungs are finite numbers (got {', '.join(map(str, phases.rungs))})")
    return Budget(
        length=problem.length,
        trainings=phases.trainings,
        rungs=tuple(round(rung * problem.length) if rung < 1 else round(rung) for rung in phases.rungs),
        stop=phases.stop,
        workers=phases.concurrent,
        confirm_trainings=phases.confirm_trainings,
        confirm_seeds=_within(problem, phases.confirm_seeds),
    )


def _within(problem: SearchProblem, seeds: int) -> int:
    return seeds if problem.seeds is None else min(seeds, problem.seeds)


@dataclass
class _Clock:
    """Counts the epochs that a problem trains; a stopped training goes on from its rung."""

    problem: SearchProblem
    epochs: int = 0
    ends: list[int] = field(default_factory=list)
    """The number of epochs after each training of the full length."""
    reached: dict[tuple[Placement, int], int] = field(default_factory=dict)

    def make(self, worker: int) -> _Clock:  # noqa: ARG002 - all workers share the clock
        return self

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        training = (job.placement, job.seed)
        self.epochs += job.epochs - self.reached.get(training, 0)
        self.reached[training] = job.epochs
        if job.epochs == self.problem.length:
            self.ends.append(self.epochs)
        return self.problem.evaluate(job, on_epoch=on_epoch)
