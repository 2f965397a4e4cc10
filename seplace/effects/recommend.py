"""The front that the model recommends over the whole space, trained or not, and what it may be missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from seplace.effects.model import Posterior, Surface
from seplace.effects.region import Members, Region, added_volume, front_members
from seplace.pareto import hypervolume
from seplace.placement import Placement

_WORLDS = 48


@dataclass(frozen=True, kw_only=True)
class Regret:
    """The share of the attainable hypervolume that a front misses, as the posterior believes."""

    mean: float
    upper: float
    """Not exceeded with probability 0.9."""


def recommended_front(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Members:
    """Return the front of the posterior's mean, without the members whose index is closed: those that failed."""
    return region.front(posterior.mean(), closed=closed, random=posterior.random)


def trained_front(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Members:
    """Return the front, by the posterior's mean, of the members that were observed, without the closed ones."""
    levels = posterior.levels[region.is_inside(posterior.levels)]
    levels = levels[~np.isin(region.indices(levels), list(closed)) & region.keeps_limits(levels)]
    observed = Members(levels=levels, values=posterior.mean().at(levels), costs=region.cost.at(levels))
    return front_members(observed)


def leading_members(front: Members, region: Region, *, most: int, lowest: float) -> list[Placement]:
    """Return up to `most` members of a front, those first that add most to the hypervolume of the ones before.

    A front over the whole space often has tens of members that differ by less than anyone can measure.
    """
    chosen = np.zeros(len(front), dtype=bool)
    names: list[Placement] = []
    space = region.design.space
    while len(names) < min(most, len(front)):
        gains = added_volume(front, front.where(chosen), reference=(lowest, region.highest_cost))
        gains[chosen] = -1.0
        at = int(gains.argmax())
        chosen[at] = True
        names.append(space.placement_at(int(region.indices(front.levels[[at]])[0])))
    return names


def expected_regret(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Regret:
    """Return what the recommended front is believed to miss of the best front of the space."""
    recommended = recommended_front(posterior, region, closed=closed)
    shares = []
    for _ in range(_WORLDS):
        world = posterior.sample()
        lowest = float(world.observed().min())
        attainable = _volume(region.front(world, closed=closed, random=posterior.random), lowest, region)
        shares.append(1 - _volume(valued(recommended, world), lowest, region) / attainable if attainable > 0 else 0.0)
    return Regret(mean=float(np.mean(shares)), upper=float(np.quantile(shares, 0.9)))


def valued(members: Members, surface: Surface) -> Members:
    """Return the same placements with the accuracies that a surface gives them."""
    return Members(levels=members.levels, values=surface.at(members.levels), costs=members.costs)


def _volume(members: Members, lowest: float, region: Region) -> float:
    losses = np.stack([-members.values, members.costs], axis=1)
    return hypervolume(losses, np.array([-lowest, region.highest_cost]))
