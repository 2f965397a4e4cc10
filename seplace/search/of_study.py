"""What a study file says, as the search needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.samplers.task import Task

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.study.config import StudyConfig


def task_of(config: StudyConfig, cost_table: CostTable) -> Task:
    """Return the task of a study's search, before any proxy has scored."""
    return Task(
        space=config.search_space,
        cost_table=cost_table,
        cost=config.objective.cost,
        limits=config.objective.limits,
        seeds=config.search.seeds,
        seed=config.search.seed,
    )
