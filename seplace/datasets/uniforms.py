"""Random numbers for each image of an epoch, drawn whole or in parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.seeds import derive_seed

_BLOCK = 1024
"""The number of images whose numbers are drawn at once; another one would change every training."""


@dataclass(frozen=True, kw_only=True)
class Uniforms:
    """Numbers in [0, 1) of some `shape` for each position in the order of an epoch.

    They depend on the seed, the purpose, the epoch and the position alone: a worker or a shard that needs some of them
    draws the same ones, and an epoch of many images never has all of them in memory.
    """

    seed: int
    purpose: str
    epoch: int
    """From 0."""
    shape: tuple[int, ...]

    def at(self, positions: NDArray[np.int64]) -> Floats:
        """Return the numbers of the images at `positions` (N,) in the epoch's order, of shape (N, *shape)."""
        numbers = np.empty((len(positions), *self.shape))
        blocks = positions // _BLOCK
        for block in np.unique(blocks).tolist():
            random = np.random.default_rng(derive_seed(self.seed, self.purpose, self.epoch, block))
            is_here = blocks == block
            numbers[is_here] = random.random((_BLOCK, *self.shape))[positions[is_here] % _BLOCK]
        return numbers
