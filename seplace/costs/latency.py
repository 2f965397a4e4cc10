"""Latency: timed forward passes, interleaved so that a drift of the machine affects all networks equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from seplace.costs.cost import Cost
from seplace.interval import Interval

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


REPEATS = 30
"""The number of timed passes of a network."""


def time_rounds(networks: Sequence[nn.Module], images: Tensor, *, repeats: int, warmup: int) -> list[list[float]]:
    """Return the milliseconds of a forward pass for each network and round; in a round each network runs once.

    The networks are in eval mode, on the device of `images` (N, C, H, W). `warmup` untimed rounds come first.
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


def paired_ratios(timings: Sequence[float], reference: Sequence[float]) -> Interval:
    """Return the median and quartiles of the ratio to a reference in the same round: the machine's drift cancels."""
    return Interval.quartiles([own / other for own, other in zip(timings, reference, strict=True)])


def measure_latencies(
    networks: Sequence[nn.Module], images: Tensor, *, repeats: int = REPEATS, warmup: int = 3
) -> list[Interval]:
    """Return the median and quartiles of each network's forward pass in milliseconds.

    The networks are in eval mode, on the device of `images`; `repeats` >= 2 rounds are timed after `warmup` rounds.
    """
    rounds = time_rounds(networks, images, repeats=repeats, warmup=warmup)
    return [Interval.quartiles(timings) for timings in rounds]


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
    """Return the median latency of a forward pass in milliseconds."""
    return measure_latencies([network], images)[0].value


LATENCY_MS = Cost(unit="ms", measure=latency_ms, is_count=False)
