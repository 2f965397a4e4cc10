"""The data loaders of the user's own: their order follows from seed and epoch, also in a training that goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from seplace.seeds import derive_seed
from seplace.training.own_state import seed_all


class SeededLoaders:
    """Stands in the place of a data module's `train_dataloader`: the global random state is that of the epoch.

    Lightning makes the iterator of the first epoch as soon as it has the loaders, and those of all others when the
    epoch begins. A generator of the user's own in a loader goes on where it was.
    """

    def __init__(self, original: Any, *, seed: int, stream: int) -> None:
        """Take the loaders of a data module, and the stream of random numbers: each device draws from its own."""
        self.__wrapped__ = original
        self.seed = seed
        self.stream = stream
        self.epoch = 0
        """The number of epochs that are done when the loaders are made."""
        self.generators: list[Any] | None = None
        """The states of the generators at that time; None where a training begins."""

    def __call__(self) -> Any:
        """Return the loaders of the data module."""
        self.begin(self.epoch)
        loaders = self.__wrapped__()
        for generator, state in zip(generators_of(loaders), self.generators or (), strict=False):
            generator.set_state(state)
        self.begin(self.epoch)
        return loaders

    def begin(self, epoch: int) -> None:
        """Seed everything that an epoch draws: the order of the data, augmentation, dropout."""
        self.epoch = epoch
        seed_all(derive_seed(self.seed, "own epoch", epoch, *([self.stream] if self.stream else [])))


def generator_states(loaders: Any) -> list[Any]:
    """Return the states of the generators of loaders."""
    return [generator.get_state() for generator in generators_of(loaders)]


def generators_of(loaders: Any) -> list[torch.Generator]:
    """Return the generators that loaders and their samplers draw from, each once."""
    found: dict[int, torch.Generator] = {}
    for loader in _each(loaders):
        sampler, batches = getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)
        for holder in (loader, sampler, batches, getattr(batches, "sampler", None)):
            generator = getattr(holder, "generator", None)
            if isinstance(generator, torch.Generator):
                found[id(generator)] = generator
    return list(found.values())


def _each(loaders: Any) -> Iterator[Any]:
    flattened = getattr(loaders, "flattened", None)  # Lightning's CombinedLoader
    leaves: Iterable[Any] = flattened if flattened is not None else tree_leaves(loaders)
    yield from leaves
