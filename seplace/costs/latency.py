"""Latency: timed forward passes, interleaved so that a drift of the machine falls on all networks alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seplace.costs.cost import Cost


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds of one forward pass of a batch: median and quartiles of `repeats` timed passes."""

    median_ms: float
    lower_ms: float
    upper_ms: float
    repeats: int


def measure_latencies(
    networks: Sequence[nn.Module], images: Tensor, *, repeats: int = 30, warmup: int = 3
) -> list[Latency]:
    """Time networks (in eval mode, on the device of `images`) in turn, `repeats` >= 2 rounds after `warmup` rounds."""
    seconds: list[list[float]] = [[] for _ in networks]
    with torch.inference_mode():
        for round_number in range(warmup + repeats):
            for network, timings in zip(networks, seconds, strict=True):
                elapsed = _timed(lambda network=network: network(images), images.device)  # type: ignore[misc]
                if round_number >= warmup:
                    timings.append(1e3 * elapsed)
    latencies = []
    for timings in seconds:
        lower, median, upper = statistics.quantiles(timings, n=4, method="inclusive")
        latencies.append(Latency(median_ms=median, lower_ms=lower, upper_ms=upper, repeats=repeats))
    return latencies


def _timed(call: Callable[[], object], device: torch.device) -> float:
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
