"""Latency: timed forward passes, interleaved so that a drift of the machine falls on all networks alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from seplace.costs.cost import Cost

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds of one forward pass of a batch: median and quartiles of `repeats` timed passes."""

    median_ms: float
    lower_ms: float
    upper_ms: float
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Quartiles:
    """The median of repeated measurements, and the quartiles beside it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the quartiles of at least two values, interpolated between neighbours."""
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median=median, lower=lower, upper=upper)


def time_rounds(networks: Sequence[nn.Module], images: Tensor, *, repeats: int, warmup: int) -> list[list[float]]:
    """Return milliseconds of a forward pass for each network and round; in a round the networks take turns.

    The networks are in eval mode, on the device of `images` (N, C, H, W); the `warmup` rounds before are not timed.
    """
    import torch

    milliseconds: list[list[float]] = [[] for _ in networks]
    with torch.inference_mode():
        for round_number in range(warmup + repeats):
            for network, timings in zip(networks, milliseconds, strict=True):
                elapsed = _timed(lambda network=network: network(images), images.device)  # type: ignore[misc]
                if round_number >= warmup:
                    timings.append(1e3 * elapsed)
    return milliseconds


def paired_ratios(timings: Sequence[float], reference: Sequence[float]) -> Quartiles:
    """Return the quartiles of timings over those of a reference in the same round: a drift of the machine cancels."""
    return Quartiles.of([own / other for own, other in zip(timings, reference, strict=True)])


def measure_latencies(
    networks: Sequence[nn.Module], images: Tensor, *, repeats: int = 30, warmup: int = 3
) -> list[Latency]:
    """Time networks (in eval mode, on the device of `images`) in turn, `repeats` >= 2 rounds after `warmup` rounds."""
    latencies = []
    for timings in time_rounds(networks, images, repeats=repeats, warmup=warmup):
        each = Quartiles.of(timings)
        latencies.append(Latency(median_ms=each.median, lower_ms=each.lower, upper_ms=each.upper, repeats=repeats))
    return latencies


def _timed(call: Callable[[], object], device: torch.device) -> float:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def latency_ms(network: nn.Module, images: Tensor) -> float:
    """Return the median latency of one forward pass."""
    return measure_latencies([network], images)[0].median_ms


LATENCY_MS = Cost(unit="ms", measure=latency_ms, is_count=False)
