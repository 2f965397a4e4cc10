"""What one more training may add to the front: the improvement of its hypervolume, expected over plausible worlds.

That is the expected hypervolume improvement where observations are noisy: the front that is to be improved is not what
was observed, but what each world says of the placements that were trained (Daulton et al., 2021). One of the two
objectives, the cost, is known.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels, Members, Region, added_volume


def most_improving(
    posterior: Posterior, region: Region, *, trained: Levels, closed: Collection[int], worlds: int
) -> int | None:
    """Return the index of the open member that adds most hypervolume to the trained ones; None where none adds any.

    Asked are those on the front of a plausible world, or of the posterior's mean.
    """
    plausible = [posterior.sample() for _ in range(worlds)]
    asked = region.contenders([*plausible, posterior.mean()], closed=closed, random=posterior.random)
    offered, there = (
        Members(levels=each, values=np.stack([world.at(each) for world in plausible]), costs=region.cost.at(each))
        for each in (asked, trained)
    )
    lowest = [world.observed().min() for world in plausible]
    gains = added_volume(offered, there, reference=(lowest, region.highest_cost)).mean(axis=0)
    return int(region.indices(asked[[gains.argmax()]])[0]) if gains.any() else None
