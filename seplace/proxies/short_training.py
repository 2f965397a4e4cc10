"""A training of a few epochs, with the schedule compressed to that length."""

from __future__ import annotations

import math

from seplace.errors import TrainingFailed
from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.proxies.proxy import Effort, rescaled
from seplace.proxies.untrained import seeded
from seplace.seeds import derive_seed


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> ShortTraining:
    """Return the proxy of a study."""
    return ShortTraining(networks, seed=seed, epochs=effort.short_epochs)


class ShortTraining:
    """The negative cross-entropy on the validation split, in nats, after a short training on one seed.

    Cross-entropy ranks under-trained networks better than accuracy does.
    """

    def __init__(self, networks: StudyNetworks, *, seed: int, epochs: int) -> None:
        self.networks = networks
        self.seed = seed
        self.recipe = rescaled(networks.config.recipe, epochs=epochs)

    def score(self, placement: Placement) -> float:
        """Train and score the network of a placement; return -inf where the training fails."""
        network = self.networks.startable(placement, seed=self.seed)
        with seeded(self.networks.device, derive_seed(self.seed, "proxy")):
            try:
                _, curve = self.networks.fit(network, recipe=self.recipe, seed=self.seed)
            except TrainingFailed:
                return -math.inf
        return -curve[-1].cross_entropy
