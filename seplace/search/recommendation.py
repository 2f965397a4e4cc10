"""What a study recommends of its whole space: placements that were trained, and others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seplace.effects.recommend import recommended_front
from seplace.samplers.task import Task

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.effects.estimates import Estimates
    from seplace.effects.priced_space import PricedSpace
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation
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


def recommended(estimates: Estimates, priced_space: PricedSpace, evaluations: Iterable[Evaluation]) -> list[Placement]:
    """Return what the model recommends, those first that promise most; nothing of which every training failed."""
    space = priced_space.design.space
    failed = {
        space.index(row.placement)
        for row in evaluations
        if row.accuracy is None and row.placement not in estimates.position and row.placement in space
    }
    front = recommended_front(estimates.guide(), priced_space, closed=failed)
    return [space.placement_at(int(index)) for index in priced_space.indices(front.levels)]
