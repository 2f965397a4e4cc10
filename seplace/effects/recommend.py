"""The front that the model recommends over the whole space, trained or not, and what it may be missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seplace.effects.model import Posterior, Surface
from seplace.effects.priced_space import Floats, Members, Region, added_volume, front_members
from seplace.pareto import hypervolume

_FRONTS = 24
"""The fronts of so many plausible worlds are contenders for a recommendation."""

_FEW_ENOUGH = 0.9
"""The share of those worlds whose fronts have no more members than are recommended."""

_WORLDS = 256
"""In so many are the contenders valued."""

_AHEAD = 16
"""So many contenders are valued again at a time."""

_TESTS = 48
"""In so many others it is looked at what the recommendation misses."""


@dataclass(frozen=True, kw_only=True)
class Regret:
    """The share of the attainable hypervolume that a front misses, as the posterior believes."""

    mean: float
    upper: float
    """Not exceeded with probability 0.9."""


def recommended_front(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Members:
    """Return the placements that together promise the largest hypervolume, those first that promise most.

    At most as many as the true front has, by all but a tenth of what is plausible, without those whose index is closed:
    they failed. The front of the posterior's mean would be a poorer set: its members are often alike, so that they are
    wrong together, and where little is known it may have next to none.
    """
    mean = posterior.mean()
    surfaces = [mean, *(posterior.sample() for _ in range(_FRONTS))]
    fronts = [region.front(surface, closed=closed, random=posterior.random).levels for surface in surfaces]
    levels = np.unique(np.concatenate(fronts), axis=0)
    count = int(np.quantile([len(front) for front in fronts[1:]], _FEW_ENOUGH, method="inverted_cdf"))
    drawn = posterior.sample_at(np.concatenate([levels, posterior.levels]), _WORLDS)
    offered = Members(levels=levels, values=drawn[:, : len(levels)], costs=region.cost.at(levels))
    reference = (drawn[:, len(levels) :].min(axis=1), region.highest_cost)

    def gains_of(which: NDArray[np.intp] | list[int], beside: list[int]) -> Floats:
        return np.asarray(added_volume(offered.where(which), offered.where(beside), reference=reference).mean(axis=0))

    chosen: list[int] = []
    gains = gains_of(np.arange(len(levels)), chosen)
    while len(chosen) < count:
        # Whatever is chosen, others never gain by it (Minoux, 1978): only those ahead have to be looked at again.
        ahead = np.argsort(-gains, kind="stable")[:_AHEAD]
        gains[ahead] = gains_of(ahead, chosen)
        best = int(gains.argmax())
        if gains[best] == 0:
            break
        if best in ahead:
            chosen.append(best)
    return Members(levels=levels[chosen], values=mean.at(levels[chosen]), costs=offered.costs[chosen])


def trained_front(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Members:
    """Return the front, by the posterior's mean, of the members that were observed, without the closed ones."""
    levels = posterior.levels[region.is_inside(posterior.levels)]
    levels = levels[~np.isin(region.indices(levels), list(closed)) & region.keeps_limits(levels)]
    observed = Members(levels=levels, values=posterior.mean().at(levels), costs=region.cost.at(levels))
    return front_members(observed)


def expected_regret(posterior: Posterior, region: Region, *, closed: Collection[int]) -> Regret:
    """Return what the recommended front is believed to miss of the best front of the space."""
    recommended = recommended_front(posterior, region, closed=closed)
    shares = []
    for _ in range(_TESTS):
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
