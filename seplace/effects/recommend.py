"""The front that the model recommends over the space, trained or not, and its expected hypervolume regret."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.effects.estimates import Estimates
from seplace.effects.model import Posterior, Surface
from seplace.effects.priced_space import Candidates, PricedSpace, added_volume, front_points
from seplace.pareto import hypervolume
from seplace.placement import Placement

_FRONTS = 24
"""Posterior samples whose fronts are contenders for the recommendation."""

_FEW_ENOUGH = 0.9
"""The share of these posterior samples whose fronts have no more points than are recommended."""

_SAMPLES = 256
"""Posterior samples over which the gains of contenders are averaged."""

_AHEAD = 16
"""Contenders whose gains are computed again at a time."""

_TESTS = 48
"""Posterior samples over which the regret is averaged."""


@dataclass(frozen=True, kw_only=True)
class Regret:
    """The share of the attainable hypervolume that a front misses, over the posterior."""

    mean: float
    upper: float
    """The 90 % quantile."""


def recommended_placements(
    estimates: Estimates, priced_space: PricedSpace, *, failed: Iterable[Placement]
) -> list[Placement]:
    """Return the recommended front of a space, trained or not, the most promising placement first.

    Placements with a failed training and no complete one are left out.
    """
    space = priced_space.design.space
    closed = {space.index(each) for each in failed if each not in estimates.position and each in space}
    front = recommended_front(estimates.guide(), priced_space, closed=closed)
    return [space.placement_at(int(index)) for index in priced_space.indices(front.levels)]


def recommended_front(posterior: Posterior, priced_space: PricedSpace, *, closed: Collection[int]) -> Candidates:
    """Return the placements that together have the largest expected hypervolume, in the order of what each adds.

    Candidates whose index is closed, since they failed, are left out. The number of placements is the 90 % quantile of
    the sizes of plausible fronts. The front of the posterior mean would be a poorer set: its points are often alike, so
    that they are wrong together, and where little is known it may be almost empty.
    """
    mean = posterior.mean()
    surfaces = [mean, *(posterior.sample() for _ in range(_FRONTS))]
    fronts = [priced_space.front(surface, closed=closed, random=posterior.random).levels for surface in surfaces]
    levels = np.unique(np.concatenate(fronts), axis=0)
    count = int(np.quantile([len(front) for front in fronts[1:]], _FEW_ENOUGH, method="inverted_cdf"))
    drawn = posterior.sample_at(np.concatenate([levels, posterior.levels]), _SAMPLES)
    offered = Candidates(levels=levels, values=drawn[:, : len(levels)], costs=priced_space.cost.at(levels))
    reference = (drawn[:, len(levels) :].min(axis=1), priced_space.highest_cost)

    def gains_of(which: NDArray[np.intp] | list[int], beside: list[int]) -> Floats:
        return np.asarray(added_volume(offered.where(which), offered.where(beside), reference=reference).mean(axis=0))

    chosen: list[int] = []
    gains = gains_of(np.arange(len(levels)), chosen)
    while len(chosen) < count:
        # The gain of a contender never rises as others are chosen (Minoux, 1978): only the largest are computed again.
        ahead = np.argsort(-gains, kind="stable")[:_AHEAD]
        gains[ahead] = gains_of(ahead, chosen)
        best = int(gains.argmax())
        if gains[best] == 0:
            break
        if best in ahead:
            chosen.append(best)
    return Candidates(levels=levels[chosen], values=mean.at(levels[chosen]), costs=offered.costs[chosen])


def trained_front(posterior: Posterior, priced_space: PricedSpace, *, closed: Collection[int]) -> Candidates:
    """Return the front, by posterior mean, of the observed candidates that are not closed."""
    levels = posterior.levels[priced_space.is_inside(posterior.levels)]
    levels = levels[~np.isin(priced_space.indices(levels), list(closed)) & priced_space.keeps_limits(levels)]
    observed = Candidates(levels=levels, values=posterior.mean().at(levels), costs=priced_space.cost.at(levels))
    return front_points(observed)


def expected_regret(posterior: Posterior, priced_space: PricedSpace, *, closed: Collection[int]) -> Regret:
    """Return the expected hypervolume regret of the recommended front: the share that it misses of the best front's."""
    recommended = recommended_front(posterior, priced_space, closed=closed)
    shares = []
    for _ in range(_TESTS):
        sample = posterior.sample()
        lowest = float(sample.observed().min())
        attainable = _volume(priced_space.front(sample, closed=closed, random=posterior.random), lowest, priced_space)
        shares.append(
            1 - _volume(valued(recommended, sample), lowest, priced_space) / attainable if attainable > 0 else 0.0
        )
    return Regret(mean=float(np.mean(shares)), upper=float(np.quantile(shares, 0.9)))


def valued(candidates: Candidates, surface: Surface) -> Candidates:
    """Return the same placements with their scores on a surface."""
    return Candidates(levels=candidates.levels, values=surface.at(candidates.levels), costs=candidates.costs)


def _volume(candidates: Candidates, lowest: float, priced_space: PricedSpace) -> float:
    losses = np.stack([-candidates.values, candidates.costs], axis=1)
    return hypervolume(losses, np.array([-lowest, priced_space.highest_cost]))
