"""The time of a training step on this machine, measured on blank images."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from seplace.backbones.describe import describe
from seplace.machine import usable_cores
from seplace.training.devices import device_name, gpus_of, has_bf16

_LONGEST = 1.0
"""The seconds after which no further step is measured."""
_STEPS = 8
_IMAGES_ON_A_CPU = 16
"""The most images of a measured step on a CPU, where the time of a step is in proportion to its images."""
_TRAINING = 1.2
"""What attention modules, augmentation and the optimizer add to a plain step, about; importing an optimizer is slow."""


class Stopwatch:
    """Measures steps on the device that a study would take here."""

    def __init__(self) -> None:
        self.device = torch.device("cuda", 0) if gpus_of("auto") else torch.device("cpu")
        self.name = device_name(self.device)
        self.cores = usable_cores()
        self.has_gpu = self.device.type == "cuda"
        self.has_bf16 = self.has_gpu and has_bf16(self.device)

    def seconds_per_step(self, backbone: str, *, classes: int, channels: int, image_size: int, batch: int) -> float:
        """Return the time of a step of a training with one thread, or on the GPU; inf where its memory runs out."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._measure(backbone, classes=classes, channels=channels, image_size=image_size, batch=batch)
        except torch.OutOfMemoryError:
            return math.inf
        finally:
            torch.set_num_threads(threads)

    def _measure(self, backbone: str, *, classes: int, channels: int, image_size: int, batch: int) -> float:
        network = describe(backbone).build(num_classes=classes, in_channels=channels).to(self.device).train()
        images = batch if self.has_gpu else min(batch, _IMAGES_ON_A_CPU)
        inputs = torch.zeros(images, channels, image_size, image_size, device=self.device)
        labels = torch.zeros(images, dtype=torch.long, device=self.device)

        def step() -> float:
            begun = time.perf_counter()
            with self._precision():
                loss = torch.nn.functional.cross_entropy(logits_of(network(inputs)), labels)
            network.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            self._wait()
            return time.perf_counter() - begun

        return _typical(step) * batch / images * _TRAINING

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cuda", torch.bfloat16) if self.has_bf16 else nullcontext()

    def _wait(self) -> None:
        if self.has_gpu:
            torch.cuda.synchronize(self.device)


def logits_of(output: object) -> torch.Tensor:
    """Return the first tensor of what a network returns: its logits are enough to time it."""
    while not isinstance(output, torch.Tensor):
        output = next(iter(output.values() if isinstance(output, dict) else output))  # type: ignore[call-overload]
    return output


def _typical(step: Callable[[], float]) -> float:
    """Return the median time of a few steps; the first one alone where it takes long."""
    begun = time.perf_counter()
    first = step()
    times: list[float] = []
    while len(times) < _STEPS and time.perf_counter() - begun < _LONGEST:
        times.append(step())
    return statistics.median(times) if times else first
