"""A sampler of effects, used through ask and tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import optuna

from seplace.costs.table import CostTable
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.placement import Placement
from seplace.samplers.effects import make
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import Task
from seplace.space import SearchSpace
from tests.effects.toy import SMALL, cost_table_of

Worth = Callable[[Placement], float]


def task_of(
    space: SearchSpace = SMALL,
    *,
    cost: str = "flops",
    seeds: int = 3,
    limits: Mapping[str, float] | None = None,
    cost_table: CostTable | None = None,
) -> Task:
    return Task(
        space=space, cost_table=cost_table or cost_table_of(space), cost=cost, limits=limits or {}, seeds=seeds, seed=0
    )


def study_of(task: Task, *, seed: int = 0) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"], sampler=make(seed, task))


def gates(placement: Placement) -> float:
    return 80.0 + sum(choice.module != "none" for choice in placement.choices)


def ask(study: optuna.Study, task: Task) -> tuple[optuna.Trial, Placement]:
    parameters = Parameters(task.space)
    trial = study.ask(parameters.distributions)
    return trial, parameters.placement(trial.params)


def add(
    study: optuna.Study,
    task: Task,
    placement: Placement,
    *,
    value: float = 80.0,
    violated: float | None = None,
    attrs: Mapping[str, object] | None = None,
    cost: float = 1000.0,
) -> None:
    """Add a result that was not proposed."""
    parameters = Parameters(task.space)
    made = optuna.trial.create_trial(
        values=[value, cost],
        params=parameters.of(placement),
        distributions=parameters.distributions,
        user_attrs=dict(attrs or {}),
    )
    if violated is not None:
        made.set_constraint("a limit", violated)
    study.add_trial(made)


def searched(task: Task, count: int, *, worth: Worth = gates, seed: int = 0, sampler=None) -> list[Placement]:
    study = study_of(task, seed=seed)
    if sampler is not None:
        study.sampler = sampler
    found = []
    for _ in range(count):
        trial, placement = ask(study, task)
        study.tell(trial, [worth(placement), task.cost_table.costs_of(placement)["flops"]])
        found.append(placement)
    return found


WORTH = [{"se": 2.0, "eca": -2.0}, {"se": -1.0, "eca": 1.0}, {"se": 1.0, "eca": -1.0}]
"""The gain of each module in each stage; it differs between stages."""


def proxy_that_knows(space: SearchSpace) -> Tables:
    design = Design(space)
    stages = zip(design.stages, WORTH, strict=True)
    worth = [np.array([by_module.get(choice.module, 0.0) for choice in stage]) for stage, by_module in stages]
    return Tables(shape=design.shape, main=(np.zeros(len(design.variants)), *worth), pairs={})
