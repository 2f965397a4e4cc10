"""What one more training would tell about where the front lies.

The hypervolume is the sum over costs of the accuracy of the best placement that costs no more. Which one that is
differs between plausible worlds, and their differences in accuracy decide. A training of another placement tells of
them what the two share. Designs of experiments for such a purpose are called transductive: Yu, Bi and Tresp, 2006; Fiez
et al., 2019.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from seplace.effects.model import Posterior
from seplace.effects.region import Region


def most_telling(
    posterior: Posterior, region: Region, *, failed: Collection[int], closed: Collection[int], worlds: int
) -> int | None:
    """Return the index of the member on the front of a plausible world whose training would tell most.

    That is, which one would lower the variance between the members of these fronts most, each weighted by the range of
    costs over which it is the best. Failed ones are on no front; closed ones cannot be trained. None where all are.
    """
    fronts = [region.front(posterior.sample(), closed=failed, random=posterior.random) for _ in range(worlds)]
    levels = np.concatenate([front.levels for front in fronts])
    ranges = np.concatenate([np.diff(np.append(front.costs, region.highest_cost)) for front in fronts])
    if not len(levels):
        return None
    weights = ranges / ranges.sum()
    draw = posterior.draws[0]
    spread = posterior.spread(draw, levels)
    asked = (spread - weights @ spread) * np.sqrt(weights)[:, None]  # what all of them share decides nothing
    indices, first = np.unique(region.indices(levels), return_index=True)
    is_open = ~np.isin(indices, list(closed))
    if not is_open.any():
        return None
    offered = spread[first[is_open]]
    variance = (offered**2).sum(axis=1) + draw.noise_sd**2 + draw.unit_sd**2
    told = ((offered @ asked.T) ** 2).sum(axis=1) / variance
    return int(indices[is_open][told.argmax()])
