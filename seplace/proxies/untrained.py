"""The common part of scores of untrained networks: construction, minibatch and random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from seplace.errors import DataError
from seplace.evaluators.study_networks import StudyNetworks
from seplace.models import build
from seplace.placement import Placement
from seplace.proxies.proxy import Effort
from seplace.seeds import derive_seed

Measure = Callable[[nn.Module, Tensor, Tensor], float]
"""Scores a network without changing it, on images (N, C, H, W) and labels (N,) on its device."""


class UntrainedScore:
    """A proxy that measures untrained networks on a minibatch, the same for all placements.

    All networks have the same seed, so that their backbones have equal weights. Nothing is frozen.
    """

    def __init__(self, measure: Measure, networks: StudyNetworks, *, seed: int, effort: Effort) -> None:
        self.measure = measure
        self.networks = networks
        self.seed = seed
        self.gate_init = effort.gate_init
        self.images, self.labels = minibatch(networks, effort.images, seed=seed)

    def network(self, placement: Placement) -> nn.Module:
        """Build the network of a placement, with its gates started as the effort says."""
        space = self.networks.config.search_space
        images = self.networks.images
        network = build(
            space.backbone_of(placement),
            placement,
            gate=replace(space.gate, init=self.gate_init),
            num_classes=len(images.classes),
            in_channels=images.channels,
            seed=self.seed,
        )
        return network.to(self.networks.device)

    def score(self, placement: Placement) -> float:
        """Return the measure of a placement; -inf where it is NaN."""
        with seeded(self.networks.device, derive_seed(self.seed, "proxy")):
            value = self.measure(self.network(placement), self.images, self.labels)
        return -math.inf if math.isnan(value) else value


def minibatch(networks: StudyNetworks, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return the first images (count, C, H, W) and labels (count,) of a training with a seed.

    Raises DataError where an epoch has fewer.
    """
    images, labels, found = [], [], 0
    for some_images, some_labels in networks.training_batches(seed=seed, mixes=False):
        images.append(some_images)
        labels.append(some_labels)
        found += len(some_labels)
        if found >= count:
            return torch.cat(images)[:count], torch.cat(labels)[:count]
    raise DataError(f"a minibatch of {count} images: an epoch of {networks.config.data.name} has only {found}")


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the random numbers of a network, such as dropout, and restore the global random states at the end."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
