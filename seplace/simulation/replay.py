"""One search in a problem: the driver itself, with trainings that answer at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.errors import InputError
from seplace.executors.inline import Inline
from seplace.results.ledger import Ledger
from seplace.search.cost_table import PlacementCosts
from seplace.search.driver import Driver
from seplace.study.config import StudyConfig
from seplace.study.study_file import StudyFile

if TYPE_CHECKING:
    from seplace.effects.design import Design
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job
    from seplace.simulation.problem import SearchProblem


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The plan of a search."""

    trainings: int
    """Of baselines and search together."""
    seeds: int
    """The most seeds of one placement in the search, as far as the problem has them."""
    confirm_seeds: int = 0
    """The same after the confirmation; 0 leaves the confirmation out."""
    confirm_trainings: int = 0
    stop: str = "budget"
    """budget or settled."""
    concurrent: int = 1
    """How many trainings are thought to run at once: a sampler does not know the results of those that do."""
    rungs: tuple[float, ...] = ()
    """Epochs after which a training may be stopped; those below 1 are shares of the full length."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a search has left."""

    evaluations: list[Evaluation]
    """In the order in which they were trained."""
    spent: list[float]
    """How much had been trained after each of them, in full lengths."""
    total: float
    """… and in all."""
    rungs: dict[str, Any] | None
    """What became of the rungs, if there were any."""
    expected_regret: float
    """The share of the attainable hypervolume that the front recommended after the search was believed to miss."""
    searched: int
    """Trainings of baselines and search."""
    design: Design = field(compare=False)
    """What the model saw of the space, with what was learned of the problem's proxy where it has one."""


def replay(problem: SearchProblem, phases: Phases, *, sampler: str, seed: int) -> Replay:
    """Search in a problem."""
    rungs = rungs_in(problem, phases.rungs)
    clock = _Clock(replace(problem, scored=rungs))
    config = _config(problem, phases, rungs, sampler=sampler, seed=seed)
    with Ledger(None) as ledger:
        cost_table = PlacementCosts(config, problem.cost_table, ledger=ledger, evaluator=None)
        driver = Driver(
            config,
            ledger=ledger,
            make_executor=lambda on_progress: Inline(clock, workers=1, max_retries=0, on_progress=on_progress),
            cost_table=cost_table,
            baselines={name: mark for name, mark in problem.space.baselines.items() if mark in problem.space},
            make_proxy=lambda _: problem,
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


def rungs_in(problem: SearchProblem, rungs: tuple[float, ...]) -> tuple[int, ...]:
    """Return rungs in epochs of a problem; InputError where they do not rise or lie beyond its trainings."""
    if not all(map(math.isfinite, rungs)):
        raise InputError(f"rungs are finite numbers (got {', '.join(map(str, rungs))})")
    epochs = tuple(round(rung * problem.length) if rung < 1 else round(rung) for rung in rungs)
    if list(epochs) != sorted(set(epochs)) or any(not 1 <= epoch < problem.length for epoch in epochs):
        raise InputError(
            f"rungs must rise, from 1 to less than the {problem.length} epochs of {problem.name} (got {epochs})"
        )
    return epochs


@dataclass
class _Clock:
    """Counts the epochs that a problem trains; a training goes on where it stopped."""

    problem: SearchProblem
    epochs: int = 0
    ends: list[int] = field(default_factory=list)
    """How many epochs there had been after each training to the full length."""
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


def _config(problem: SearchProblem, phases: Phases, rungs: tuple[int, ...], *, sampler: str, seed: int) -> StudyConfig:
    """Return the study that a replay is; data and recipe stand for nothing."""
    search = {
        "sampler": sampler,
        "trainings": phases.trainings,
        "seeds": _within(problem, phases.seeds),
        "seed": seed,
        "stop": phases.stop,
        "rungs": rungs,
        "proxies": () if problem.proxy is None else ("simulated",),
    }
    confirm = {"seeds": _within(problem, phases.confirm_seeds), "trainings": phases.confirm_trainings}
    study = {
        "schema": 1,
        "space": problem.space.name,
        "data": {"name": "digits", "validation_images": 1},
        "training": {
            "epochs": problem.length,
            "batch_size": 1,
            "learning_rate": 0.1,
            "momentum": 0.9,
            "weight_decay": 0.0,
            "schedule": "cosine",
        },
        "objective": {"cost": problem.cost},
        "search": search,
        "confirm": confirm if phases.confirm_trainings else None,
        "run": {"executor": "inline", "workers": phases.concurrent},
    }
    return StudyConfig(
        name=problem.name,
        path=Path(problem.name),
        folder=Path(),
        file=StudyFile.model_validate(study),
        search_space=problem.space,
        source_text="",
        space_text="",
    )


def _within(problem: SearchProblem, seeds: int) -> int:
    return seeds if problem.seeds is None else min(seeds, problem.seeds)
