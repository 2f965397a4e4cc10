"""What one more training may add to the front: the improvement of its hypervolume, expected over posterior samples.

That is the expected hypervolume improvement where observations are noisy: the front that is to be improved is not what
was observed, but what each posterior sample says of the trained placements (Daulton et al., 2021). One of the two
objectives, the cost, is known.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from seplace.effects.model import Posterior
from seplace.effects.priced_space import Candidates, Levels, PricedSpace, added_volume


def most_improving(
    posterior: Posterior, priced_space: PricedSpace, *, trained: Levels, closed: Collection[int], samples: int
) -> int | None:
    """Return the index of the open candidate that adds most hypervolume to the trained ones; None where none adds any.

    Asked are those on the front of a posterior samples, or of the posterior's mean.
    """
    plausible = [posterior.sample() for _ in range(samples)]
    asked = priced_space.contenders([*plausible, posterior.mean()], closed=closed, random=posterior.random)
    offered, there = (
        Candidates(
            levels=each, values=np.stack([sample.at(each) for sample in plausible]), costs=priced_space.cost.at(each)
        )
        for each in (asked, trained)
    )
    lowest = [sample.observed().min() for sample in plausible]
    gains = added_volume(offered, there, reference=(lowest, priced_space.highest_cost)).mean(axis=0)
    return int(priced_space.indices(asked[[gains.argmax()]])[0]) if gains.any() else None
