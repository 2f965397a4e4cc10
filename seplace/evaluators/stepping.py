"""Training steps in windows of time, by which several processes measure how fast they train side by side.

Importing this needs no torch; training does.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from seplace.datasets.loader import BatchLoader
    from seplace.evaluators.study_networks import StudyNetworks
    from seplace.placement import Placement

_WARM_UP = 3
"""The untimed steps at the start: libraries choose their algorithms, and memory is allocated."""

_FEWEST = 2
"""The number of steps that a window has at least, however long they take."""

_ENDLESS = 10**9


@dataclass(frozen=True, kw_only=True)
class Window:
    """The steps that one process has made in a window of time, and the memory that it holds."""

    steps: int
    seconds: float
    held_bytes: int
    """The largest memory that the process has held: of the GPU if it trains on one, else of the machine."""
    free_bytes: int | None
    """The memory that is left: of the GPU if it trains on one, else of the machine; None where not known."""


class StepWindows:
    """Counts training steps: some to warm up, and then as many as each window of time has room for."""

    def __init__(
        self,
        *,
        next_window: Callable[[], float | None],
        on_window: Callable[[Window], None],
        device: torch.device,
    ) -> None:
        """Take functions: one returns the seconds of the next window, or None at the end; one takes each window."""
        self.next_window = next_window
        self.on_window = on_window
        self.device = device
        self._warm = 0
        self._steps = 0
        self._start = 0.0
        self._seconds: float | None = None

    def stepped(self) -> bool:
        """Count a step. Returns False where there is no further window."""
        if self._warm < _WARM_UP:
            self._warm += 1
            return self._warm < _WARM_UP or self._begin()
        assert self._seconds is not None
        self._steps += 1
        if self._steps < _FEWEST or time.perf_counter() - self._start < self._seconds:
            return True
        self._end()
        return self._begin()

    def _begin(self) -> bool:
        from seplace.training.devices import synchronize

        synchronize(self.device)
        self._seconds = self.next_window()
        self._steps, self._start = 0, time.perf_counter()
        return self._seconds is not None

    def _end(self) -> None:
        from seplace.training.devices import free_memory, held_memory, synchronize

        synchronize(self.device)
        elapsed = time.perf_counter() - self._start
        held, free = held_memory(self.device), free_memory(self.device)
        self.on_window(Window(steps=self._steps, seconds=elapsed, held_bytes=held, free_bytes=free))


class WindowedBatches:
    """Batches without end, until there is no further window."""

    def __init__(self, batches: BatchLoader, windows: StepWindows) -> None:
        self.batches = batches
        self.windows = windows

    def __len__(self) -> int:
        return _ENDLESS

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: all is one epoch."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for epoch in itertools.count():
            self.batches.set_epoch(epoch)
            for batch in self.batches:
                yield batch
                if not self.windows.stepped():  # the step has been taken when the next batch is asked for
                    return


def train_in_windows(
    networks: StudyNetworks,
    placement: Placement,
    *,
    next_window: Callable[[], float | None],
    on_window: Callable[[Window], None],
) -> None:
    """Train a placement, with its set-up and warm-up before the first window is asked for.

    Nothing happens where nothing learns. The learning rate is tiny, so that nothing diverges, and nothing is compiled,
    which would take longer than all windows. Raises TrainingFailed (`oom`) where memory runs out.
    """
    from seplace.training.fit import train
    from seplace.training.optimization import trainable_parameters

    network = networks.startable(placement, seed=0)
    if not trainable_parameters(network):
        return
    recipe = networks.config.recipe
    gentle = {
        "learning_rate": min(recipe.learning_rate, 1e-6),
        "schedule": "cosine",
        "warmup_epochs": 0,
        "compile": False,
    }
    with networks.training_batches(seed=0) as batches:
        train(
            network,
            recipe=recipe.model_copy(update=gentle),
            batches=WindowedBatches(
                batches, StepWindows(next_window=next_window, on_window=on_window, device=networks.device)
            ),
            validation=[],
            device=networks.device,
            checkpoint=None,
            on_epoch=lambda _epoch: None,
            until=1,
            scored=(),
        )
