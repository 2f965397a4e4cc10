"""What one more training may add to the front: the improvement of its hypervolume, expected over plausible worlds.

That is the expected hypervolume improvement where observations are noisy: the front that is to be improved is not what
was observed, but what each world says of the placements that were trained (Daulton et al., 2021). One of the two
objectives, the cost, is known.
"""

from __future__ import annotations

from collections.abc import Collection

from seplace.effects.model import Posterior
from seplace.effects.region import Levels, Region
from seplace.effects.worlds import Worlds


def most_improving(
    posterior: Posterior, region: Region, *, trained: Levels, closed: Collection[int], worlds: int
) -> int | None:
    """Return the index of the open member that adds most hypervolume to the trained ones; None where none adds any."""
    plausible = Worlds(posterior, region, count=worlds)
    offered = plausible.contenders(closed=closed)
    gains = plausible.gains(offered, plausible.valued(trained))
    return int(region.indices(offered.levels[[gains.argmax()]])[0]) if gains.any() else None
