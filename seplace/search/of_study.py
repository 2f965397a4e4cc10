"""The search that a study describes: its task, its budget and the rest of what the driver takes.

This is the only place where a study becomes a task and a budget.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.samplers.task import Task
from seplace.search.attempts import FailureRules
from seplace.search.budget import Budget
from seplace.search.scoring import Scoring
from seplace.seeds import derive_seed
from seplace.study.listed import first_of_each

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.costs.table import CostTable
    from seplace.evaluators.evaluator import Evaluator
    from seplace.proxies.proxy import Proxy
    from seplace.study.config import StudyConfig


def task_of(config: StudyConfig, cost_table: CostTable) -> Task:
    """Return the task of a study's search, before any proxy has scored."""
    return Task(
        space=config.search_space,
        cost_table=cost_table,
        cost=config.objective.cost,
        metric=config.metric,
        limits=config.objective.limits,
        seeds=config.search.seeds,
        seed=config.search.seed,
        listed=first_of_each(config.listed),
    )


def budget_of(config: StudyConfig) -> Budget:
    """Return the budget of a study."""
    search, confirm = config.search, config.confirm
    return Budget(
        length=config.training.epochs,
        trainings=search.trainings,
        hours=search.hours,
        rungs=search.rungs,
        stop=search.stop,
        workers=config.workers,
        confirm_trainings=0 if confirm is None else confirm.trainings,
        confirm_seeds=0 if confirm is None else confirm.seeds,
    )


def failure_rules_of(config: StudyConfig) -> FailureRules:
    """Return how a study's failed trainings are treated."""
    return FailureRules(
        stop_after=config.run.stop_after_failures,
        timeout_minutes=config.run.timeout_minutes,
        is_tabular=config.evaluator.folder is not None,
    )


def scoring_of(config: StudyConfig, folder: Path, evaluator: Evaluator) -> Scoring:
    """Return which proxies score a study's placements before the first training, if any, and how many."""
    names, count = config.search.proxies, config.search.proxy_placements
    return Scoring(
        makers={name: functools.partial(_make_proxy, config, folder, evaluator, name) for name in names}, count=count
    )


def _make_proxy(config: StudyConfig, folder: Path, evaluator: Evaluator, name: str) -> Proxy:
    """Make a proxy for a study, with the efforts that `seplace proxy` has by default, except for the gates.

    Gates start as in their papers, whatever the study says: with gates that start as the identity all placements would
    look alike. The seed belongs to no training, so that scores do not share a training's noise. Networks are built and
    data are read even where the study's evaluator does neither.
    """
    from seplace.evaluators.stand_alone import StandAlone, make
    from seplace.proxies import PROXIES
    from seplace.proxies.proxy import Effort

    trainer = evaluator if isinstance(evaluator, StandAlone) else make(config, folder, worker=0)
    usual, batch = Effort.usual(config.training.epochs, gate_init="paper"), config.recipe.batch_size
    effort = replace(usual, images=min(usual.images, len(trainer.networks.images.train) // batch * batch))
    proxy: Proxy = PROXIES[name](trainer.networks, seed=derive_seed(config.search.seed, "proxy"), effort=effort)
    return proxy
