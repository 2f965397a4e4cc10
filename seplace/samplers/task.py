"""The task of a sampler: everything about the search beside the Optuna study with the results so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.effects.priced_space import PricedSpace, cost_tables, learned_cost
from seplace.metric import ACCURACY, Metric

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.space import SearchSpace

SEED, SCORE, CROSS_ENTROPY = "seed", "score", "cross_entropy"
"""User attributes of a trial: the seed, score (larger is better) and cross-entropy (nats) of its own training."""

STOPPED = "stopped"
"""The user attribute of a trial whose training was stopped early: the number of its epochs.

The first value of such a trial is the predicted final score of the training.
"""

REPEATED = "repeated"
"""The user attribute of a trial whose result was taken from earlier trainings."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A search: a priced space, its limits, and the seeds of a placement."""

    space: SearchSpace
    cost_table: CostTable
    """The counted costs of every candidate."""
    cost: str
    """The name of the cost that is minimized."""
    metric: Metric = ACCURACY
    """What evaluations measure; samplers see its scores, which are maximized."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The most that a placement may cost, by the name of the cost."""
    seeds: int
    """The most trainings that one placement may have."""
    seed: int
    """The seed of the search, the same for all proposals."""
    listed: tuple[Placement, ...] = ()
    """The placements that are trained in place of the whole space; without any it is searched."""
    covariates: Mapping[str, Tables] = field(default_factory=dict)
    """The predicted scores of every placement, by the name of the proxy."""

    @cached_property
    def design(self) -> Design:
        """The design of the model of effects on the space."""
        return Design(self.space, covariates=self.covariates)

    @cached_property
    def _bare_design(self) -> Design:
        return Design(self.space)

    @cached_property
    def priced_space(self) -> PricedSpace | None:
        """The priced space; None where the cost is measured, and so not known before a training."""
        if self.cost not in self.cost_table.names:
            return None
        return PricedSpace(self.design, cost_tables(self.design, self.cost_table, self.cost), limits=self.limit_tables)

    @property
    def counted_limits(self) -> dict[str, float]:
        """The limits on counted costs, by the name of the cost."""
        return {name: limit for name, limit in self.limits.items() if name in self.cost_table.names}

    @cached_property
    def limit_tables(self) -> list[tuple[Tables, float]]:
        """The limits on counted costs, each with the cost of every choice."""
        return [(cost_tables(self.design, self.cost_table, name), limit) for name, limit in self.counted_limits.items()]

    def priced_space_by(self, measured: Mapping[Placement, float]) -> PricedSpace:
        """Return the priced space, where the cost is measured as learned from some placements."""
        if self.priced_space is not None:
            return self.priced_space
        # A proxy is a covariate of the metric, not of a cost.
        return PricedSpace(self.design, learned_cost(self._bare_design, measured), limits=self.limit_tables)
