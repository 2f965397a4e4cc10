"""The priced space: candidates with exact costs and limits, their front on a surface, and what one more would add.

Spaces up to two million candidates are enumerated. Larger ones are searched by coordinate exchange: from many starts,
each with another exchange rate of cost for score, the factors in turn take their best level until none changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.effects.model import Observation, Posterior, Surface
from seplace.pareto import reference_cost

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement

Levels = NDArray[np.int64]

_MOST_ENUMERATED = 2_000_000
_STARTS = 256
_SWEEPS = 20

_BLOCK = 512
"""Candidates that are passed over together where none of them can be on a front."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Placements: levels (n, factors), scores (n,) or (posterior samples, n), and costs (n,)."""

    levels: Levels
    values: Floats
    costs: Floats

    def __len__(self) -> int:
        return len(self.costs)

    def where(self, which: NDArray[np.bool_] | NDArray[np.intp] | list[int]) -> Candidates:
        """Return some of them, by a mask or by their positions."""
        return Candidates(levels=self.levels[which], values=self.values[..., which], costs=self.costs[which])


class PricedSpace:
    """The candidates of a space that keep hard limits on counted costs, with their exact costs."""

    def __init__(self, design: Design, cost: Tables, *, limits: Sequence[tuple[Tables, float]]) -> None:
        """Take the cost of the objective, and limits: costs with the most that a placement may have of each."""
        self.design = design
        self.shape = design.shape
        self.cost = cost
        self.limits = limits
        self.is_enumerated = len(design.space) <= _MOST_ENUMERATED

    @cached_property
    def highest_cost(self) -> float:
        """The reference cost of hypervolumes."""
        if self.is_enumerated:
            return reference_cost(float(self._costs.min()), float(self._costs.max()))
        return reference_cost(self.cost.lowest, self.cost.highest)

    def front(self, surface: Surface, *, closed: Collection[int], random: np.random.Generator) -> Candidates:
        """Return the front of a surface, cheapest first, among the candidates whose index is not closed."""
        if self.is_enumerated:
            values = surface.everywhere()
            if self.limits:
                values[self._beyond_limits] = -np.inf
            values[list(closed)] = -np.inf
            ascending = values[self._by_cost]
            rising = _rising(ascending, self._ascending_costs)
            return Candidates(
                levels=np.stack(np.unravel_index(self._by_cost[rising], self.shape), axis=1),
                values=ascending[rising],
                costs=self._ascending_costs[rising],
            )
        levels = self._exchanged(surface, random)
        levels = levels[~np.isin(self.indices(levels), list(closed))]
        return front_points(Candidates(levels=levels, values=surface.at(levels), costs=self.cost.at(levels)))

    def contenders(
        self, surfaces: Sequence[Surface], *, closed: Collection[int], random: np.random.Generator
    ) -> Levels:
        """Return the levels of the candidates that are on the front of at least one surface."""
        fronts = [self.front(surface, closed=closed, random=random).levels for surface in surfaces]
        return np.unique(np.concatenate(fronts), axis=0)

    def any_open(self, closed: Collection[int], random: np.random.Generator) -> int | None:
        """Return the index of a random candidate that keeps the limits and is not closed; None if none is found."""
        if self.is_enumerated:
            is_open = ~self._beyond_limits
            is_open[list(closed)] = False
            indices = np.flatnonzero(is_open)
            return int(random.choice(indices)) if len(indices) else None
        for _ in range(1000):
            index = int(random.integers(len(self.design.space)))
            levels = np.array(np.unravel_index([index], self.shape)).T
            if index not in closed and self.keeps_limits(levels)[0]:
                return index
        return None

    def indices(self, levels: Levels) -> NDArray[np.int64]:
        """Return the positions of candidates in the order of the space."""
        return np.asarray(np.ravel_multi_index(tuple(levels.T), self.shape), dtype=np.int64)

    def is_inside(self, levels: Levels) -> NDArray[np.bool_]:
        """Return which levels (n, factors) belong to candidates of the space."""
        return np.asarray((levels < np.array(self.shape)).all(axis=1))

    def keeps_limits(self, levels: Levels) -> NDArray[np.bool_]:
        """Return which candidates keep every hard limit."""
        kept = np.ones(len(levels), dtype=bool)
        for tables, limit in self.limits:
            kept &= tables.at(levels) <= limit
        return kept

    @cached_property
    def _costs(self) -> Floats:
        return self.cost.everywhere()

    @cached_property
    def _by_cost(self) -> NDArray[np.int64]:
        return np.argsort(self._costs, kind="stable")

    @cached_property
    def _ascending_costs(self) -> Floats:
        return self._costs[self._by_cost]

    @cached_property
    def _beyond_limits(self) -> NDArray[np.bool_]:
        beyond = np.zeros(len(self._costs), dtype=bool)
        for tables, limit in self.limits:
            beyond |= tables.everywhere() > limit
        return beyond

    def _exchanged(self, surface: Surface, random: np.random.Generator) -> Levels:
        """Return candidates that are best for some exchange rate of cost for score, and the observed ones."""
        spans = [np.ptp(table[:count]) for table, count in zip(surface.effects.main, self.shape, strict=True)]
        rate = max(float(np.sum(spans)), 1e-9) / max(self.highest_cost, 1e-9)
        rates = rate * np.exp(random.uniform(np.log(1e-3), np.log(1e3), _STARTS))
        levels = np.stack([random.integers(count, size=_STARTS) for count in self.shape], axis=1)
        found = [levels.copy()]
        for _ in range(_SWEEPS):
            before = levels.copy()
            for factor in random.permutation(len(self.shape)):
                gain = surface.effects.for_factor(factor, levels)
                gain = gain - rates[:, None] * self.cost.for_factor(factor, levels)
                excess = self._excess(factor, levels)
                gain = np.where(excess > 0, gain.min() - 1.0 - excess, gain)
                levels[:, factor] = gain.argmax(axis=1)
            found.append(levels.copy())
            if (levels == before).all():
                break
        ends = np.unique(levels, axis=0)
        for factor, count in enumerate(self.shape):
            # The best ones may be closed, and candidates between two exchange rates are on the front too.
            beside = np.repeat(ends, count, axis=0)
            beside[:, factor] = np.tile(np.arange(count), len(ends))
            found.append(beside)
        observed = surface.observed_levels
        every = np.unique(np.concatenate([*found, observed[self.is_inside(observed)]]), axis=0)
        return every[self.keeps_limits(every)]

    def _excess(self, factor: int, levels: Levels) -> Floats:
        """Return by how much each level of a factor (n, levels of it) would exceed the limits, as a share of them."""
        excess = np.zeros((len(levels), self.shape[factor]))
        for tables, limit in self.limits:
            change = tables.for_factor(factor, levels)
            now = np.take_along_axis(change, levels[:, [factor]], axis=1)
            excess += np.clip((tables.at(levels)[:, None] + change - now) / limit - 1, 0, None)
        return excess


def cost_tables(design: Design, cost_table: CostTable, cost: str) -> Tables:
    """Return a counted cost as tables: exact, since it is a sum over stages on each backbone."""
    column = cost_table.names.index(cost)
    by_variant = [cost_table.variants[variant] if variant else cost_table for variant in design.variants]
    plain = np.array([float(table.plain[column]) for table in by_variant])
    extras = {
        (0, stage + 1): np.array(
            [[float(table.extras[stage][choice][column]) for choice in listed] for table in by_variant]
        )
        for stage, listed in enumerate(design.space.choices)
    }
    return Tables(shape=design.shape, main=(plain, *(np.zeros(count) for count in design.shape[1:])), pairs=extras)


def learned_cost(design: Design, costs: Mapping[Placement, float]) -> Tables:
    """Return a measured cost (latency) as tables over choices, learned from the placements that were measured."""
    if not costs:
        return Tables(shape=design.shape, main=tuple(np.zeros(count) for count in design.shape), pairs={})
    observations = [Observation(placement=placement, seed=None, score=cost) for placement, cost in costs.items()]
    mean = Posterior(design, observations, draws=1, random=np.random.default_rng(0)).mean()
    first, *others = mean.effects.main
    return replace(mean.effects, main=(first + mean.intercept, *others))


def added_volume(candidates: Candidates, front: Candidates, *, reference: tuple[ArrayLike, float]) -> Floats:
    """Return the area that each candidate alone would add to that of a front: (n,) or (posterior samples, n).

    The reference is a score (one for each posterior sample) and a cost; the area lies above the one, below the
    other. The values of the front need not rise with cost: a dominated candidate adds nothing.
    """
    lowest, highest_cost = np.asarray(reference[0])[..., None], reference[1]
    order = np.argsort(front.costs, kind="stable")
    edges = np.concatenate([[-np.inf], front.costs[order], [highest_cost]])
    heights = np.maximum.accumulate(np.maximum(front.values[..., order], lowest), axis=-1)
    heights = np.concatenate([lowest, heights], axis=-1)
    lower = np.maximum(edges[:-1], candidates.costs[:, None])
    widths = np.clip(np.minimum(edges[1:], highest_cost) - lower, 0, None)
    rise = np.clip(candidates.values[..., None] - heights[..., None, :], 0, None)
    return np.asarray((widths * rise).sum(axis=-1))


def front_points(candidates: Candidates) -> Candidates:
    """Return the candidates that no other dominates, cheapest first."""
    order = np.argsort(candidates.costs, kind="stable")
    positions = order[_rising(candidates.values[order], candidates.costs[order])]
    return Candidates(
        levels=candidates.levels[positions], values=candidates.values[positions], costs=candidates.costs[positions]
    )


def _rising(values: Floats, costs: Floats) -> NDArray[np.int64]:
    """Return the positions of the front of values in the order of ascending costs."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    positions = _records(values)
    # Of candidates of one cost the last is the best.
    last = np.append(np.diff(costs[positions]) > 0, True)[: len(positions)]
    return np.asarray(positions[last])


def _records(values: Floats) -> NDArray[np.int64]:
    """Return the positions of the values that are greater than all before them, and than negative infinity."""
    # Few blocks have one; the others are passed over by their maxima, several times as fast as a running maximum.
    starts = np.arange(0, len(values), _BLOCK)
    highest = np.maximum.reduceat(values, starts)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(highest)[:-1]])
    found = [np.zeros(0, dtype=np.int64)]
    for at in np.flatnonzero(highest > before):
        block = np.append(before[at], values[starts[at] : starts[at] + _BLOCK])
        found.append(starts[at] + np.flatnonzero(block[1:] > np.maximum.accumulate(block)[:-1]))
    return np.concatenate(found)
