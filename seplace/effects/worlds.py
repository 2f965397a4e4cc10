"""Several plausible ideas of a space's accuracies, and by how much placements would widen the front in them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from seplace.effects.model import Posterior
from seplace.effects.region import Floats, Levels, Members, Region, added_volume


class Worlds:
    """Draws from a posterior: in each, every placement of the space has one accuracy."""

    def __init__(self, posterior: Posterior, region: Region, *, count: int) -> None:
        self.region = region
        self._posterior = posterior
        self._surfaces = [posterior.sample() for _ in range(count)]
        self._lowest = np.array([surface.observed().min() for surface in self._surfaces])

    def contenders(self, *, closed: Collection[int]) -> Members:
        """Return the members, without the closed ones, that are on the front of a world or of the posterior's mean."""
        ideas = [*self._surfaces, self._posterior.mean()]
        fronts = [self.region.front(idea, closed=closed, random=self._posterior.random) for idea in ideas]
        return self.valued(np.unique(np.concatenate([front.levels for front in fronts]), axis=0))

    def valued(self, levels: Levels) -> Members:
        """Return placements with what each world says of their accuracies: values (worlds, n)."""
        values = np.stack([surface.at(levels) for surface in self._surfaces])
        return Members(levels=levels, values=values, costs=self.region.cost.at(levels))

    def gains(self, offered: Members, held: Members) -> Floats:
        """Return by how much each of the offered alone is expected to add to the hypervolume of the held ones (n,)."""
        gains: Floats = added_volume(offered, held, reference=(self._lowest, self.region.highest_cost)).mean(axis=0)
        return gains
