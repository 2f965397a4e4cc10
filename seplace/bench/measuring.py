"""Measure the networks of a benchmark: exact counts, peak memory, and times interleaved with the plain backbone."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from seplace.attention.options import GateOptions
from seplace.backbones.backbone import Backbone
from seplace.backbones.foreign.traced import TracedBackbone
from seplace.costs.counting import count_operators, unknown_names
from seplace.costs.latency import paired_ratios, time_rounds
from seplace.costs.memory import peak_memory_bytes
from seplace.costs.operators import MULTIPLY_ADD_OPERATORS
from seplace.interval import Interval
from seplace.models import build, holds_own_code, without_weights
from seplace.placement import Placement
from seplace.training.devices import device_name
from seplace.user_code import user_errors_if

_GATE = GateOptions(init="paper")
_WARMUP = 2


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A placement on a backbone, for images of a size and a number of classes."""

    backbone: Backbone
    placement: Placement
    image_size: int
    num_classes: int

    def network(self) -> nn.Module:
        """Build the network in eval mode."""
        return build(
            self.backbone,
            self.placement,
            gate=_GATE,
            num_classes=self.num_classes,
            in_channels=self.in_channels,
            seed=0,
        ).eval()

    @property
    def holds_own_code(self) -> bool:
        """Whether the network, or a module in it, is the user's own."""
        return holds_own_code(self.backbone, self.placement)

    def user_errors(self) -> AbstractContextManager[None]:
        """Raise errors of the user's own network or gates as UserCodeError meanwhile."""
        return user_errors_if(self.holds_own_code, f"{self.placement} on {self.backbone.text} cannot be measured")

    def images(self, count: int) -> Tensor:
        """Return blank images (count, C, H, W)."""
        return torch.zeros(count, self.in_channels, self.image_size, self.image_size)

    @property
    def in_channels(self) -> int:
        """The image channels: three, or those that the user's own network was described for."""
        return self.backbone.in_channels if isinstance(self.backbone, TracedBackbone) else 3


class Counts:
    """The counts of a subject on one image, each counted once, on first use."""

    def __init__(self, subject: Subject) -> None:
        self._images = subject.images(1)
        self._has_weights = subject.holds_own_code  # user code may read them, or load them from a file
        with nullcontext() if self._has_weights else without_weights():
            self._network = subject.network()
        self.params = sum(parameter.numel() for parameter in self._network.parameters() if parameter.requires_grad)
        self.running_statistics = sum(
            buffer.numel()
            for name, buffer in self._network.named_buffers()
            if name.endswith(("running_mean", "running_var"))
        )

    @cached_property
    def operators(self) -> Counter[str]:
        """The FLOPs by operator."""
        network = self._network if self._has_weights else self._network.to_empty(device="cpu")
        counted = count_operators(network, self._images)  # counts depend on shapes alone
        if not self._has_weights:
            self._network.to(device="meta")  # frees the memory of the weights
        if counted.unknown:
            warnings.warn(f"{unknown_names(counted.unknown)}: left out of FLOPs", stacklevel=2)
        return counted.flops

    @property
    def macs(self) -> int:
        """The multiply-adds."""
        return sum(count for operator, count in self.operators.items() if operator in MULTIPLY_ADD_OPERATORS)

    @property
    def flops(self) -> int:
        """The FLOPs of all operators."""
        return sum(self.operators.values())


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The conditions of a measurement: a torch device, and `repeats` >= 2 rounds of one image and of a batch."""

    device: str
    batch: int
    repeats: int


def describe_timing(timing: Timing) -> dict[str, Any]:
    """Return the conditions of a measurement as columns."""
    return {
        "batch": timing.batch,
        "repeats": timing.repeats,
        "device": device_name(torch.device(timing.device)),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def measured(plain: Subject, subjects: Sequence[Subject], timing: Timing) -> Iterator[dict[str, Any]]:
    """Yield for each subject its peak memory and times, with quartiles, and their ratios to the plain backbone's.

    A ratio is of times in the same round, so that a drift of the machine cancels. The plain backbone is timed once.
    """
    others = [subject for subject in subjects if not subject.placement.is_plain]
    single, batch = plain.images(1).to(timing.device), plain.images(timing.batch).to(timing.device)
    memories = [peak_memory_bytes(subject.network().to(timing.device), batch) for subject in (plain, *others)]
    networks = [subject.network().to(timing.device) for subject in (plain, *others)]
    latencies = time_rounds(networks, single, repeats=timing.repeats, warmup=_WARMUP)
    passes = time_rounds(networks, batch, repeats=timing.repeats, warmup=_WARMUP)
    memory = "peak_allocated_bytes" if batch.is_cuda else "peak_tensor_bytes"
    numbers = iter(range(1, len(networks)))
    for subject in subjects:
        at = 0 if subject.placement.is_plain else next(numbers)
        throughput = [1e3 * timing.batch / milliseconds for milliseconds in passes[at]]
        plain_throughput = [1e3 * timing.batch / milliseconds for milliseconds in passes[0]]
        yield {
            memory: memories[at],
            **Interval.quartiles(latencies[at]).columns("latency_ms"),
            **paired_ratios(latencies[at], latencies[0]).columns("latency_ratio"),
            **Interval.quartiles(throughput).columns("images_per_second"),
            **paired_ratios(throughput, plain_throughput).columns("throughput_ratio"),
        }
