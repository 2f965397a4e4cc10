"""What one more training would tell about where the front lies.

The hypervolume is the sum over costs of the accuracy of the best placement that costs no more. Which one that is
differs between posterior samples, and their differences in accuracy decide. A training of another placement tells of
them what the two share. Designs of experiments for such a purpose are called transductive: Yu, Bi and Tresp, 2006; Fiez
et al., 2019.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from seplace.effects.model import Posterior
from seplace.effects.priced_space import PricedSpace
from seplace.placement import Placement

Floats = NDArray[np.float64]


def most_telling(
    posterior: Posterior,
    priced_space: PricedSpace,
    *,
    running: Sequence[Placement],
    failed: Collection[int],
    closed: Collection[int],
    samples: int,
) -> int | None:
    """Return the index of the candidate on the front of a posterior samples whose training would tell most.

    That is, which one would lower the variance between these fronts' points most, each weighted by the range of
    costs over which it is the best, beyond what the running trainings will tell. Failed ones are on no front; closed
    ones cannot be trained. None where all are.
    """
    fronts = [priced_space.front(posterior.sample(), closed=failed, random=posterior.random) for _ in range(samples)]
    levels = np.concatenate([front.levels for front in fronts])
    ranges = np.concatenate([np.diff(np.append(front.costs, priced_space.highest_cost)) for front in fronts])
    if not len(levels):
        return None
    weights = ranges / ranges.sum()
    draw = posterior.draws[0]
    noise = draw.noise_sd**2 + draw.unit_sd**2
    spread = posterior.spread(draw, levels)
    waiting = posterior.spread(draw, priced_space.design.levels(running))
    for at in range(len(waiting)):
        spread, waiting = _once_known(spread, waiting[at], noise), _once_known(waiting, waiting[at], noise)
    asked = (spread - weights @ spread) * np.sqrt(weights)[:, None]  # what all of them share decides nothing
    indices, first = np.unique(priced_space.indices(levels), return_index=True)
    is_open = ~np.isin(indices, list(closed))
    if not is_open.any():
        return None
    offered = spread[first[is_open]]
    told = ((offered @ asked.T) ** 2).sum(axis=1) / ((offered**2).sum(axis=1) + noise)
    return int(indices[is_open][told.argmax()])


def _once_known(spread: Floats, seen: Floats, noise: float) -> Floats:
    """Return the spread (n, columns) of placements once one of spread `seen` (columns,) was trained with this noise.

    Its products are the covariances less what the training explains: S S' - (S s) (S s)' / (s's + noise).
    """
    own = float(seen @ seen)
    left: Floats = spread - np.outer(spread @ seen, seen) * (1 - np.sqrt(noise / (own + noise))) / own
    return left
