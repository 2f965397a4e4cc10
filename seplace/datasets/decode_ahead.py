"""Batches that are decoded ahead of the training, in threads: Pillow releases the interpreter lock while it works.

The images of a batch are decoded straight into one of a fixed number of arrays, which are used in turn, so that no more
batches are ever in memory, however slow the training or the decoding is. Only the thread that takes the batches gives
out work, and no task waits for another one: there is nothing to deadlock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seplace.arrays import Floats
from seplace.datasets.augmentation import RandomResizedCrop
from seplace.datasets.decoding import need_pillow
from seplace.datasets.streamed_images import JoinedImages, StreamedImages

BATCHES = 4
"""The batches in memory: the one in use, and those that are decoded ahead of it."""
_TASKS_A_THREAD = 4
"""The tasks that a thread finds in a batch: with more of them all threads end at about the same time."""
THREAD_NAME = "seplace-decode"


@dataclass(frozen=True, eq=False)
class Wanted:
    """The images of one batch."""

    indices: NDArray[np.int64]
    """(B,)"""
    numbers: Floats | None = None
    """The numbers that their random crops are drawn with, (B, *BOX_NUMBERS); None takes their center squares."""
    flips: NDArray[np.bool_] | None = None
    """Which of them are mirrored, (B,); None mirrors no image."""


@dataclass(frozen=True, eq=False)
class _Batch:
    slot: int
    size: int
    tasks: list[Future[None]]


class DecodeAhead:
    """Decodes the batches of epoch after epoch, and hands them out in order."""

    def __init__(
        self,
        images: StreamedImages | JoinedImages,
        wanted: Callable[[int], Iterator[Wanted]],
        *,
        batches: int,
        batch_size: int,
        device: torch.device,
        threads: int,
        crop: RandomResizedCrop | None,
        is_endless: bool,
    ) -> None:
        """Prepare; nothing is decoded and no thread begins before the first batch is asked for.

        Args:
            images: The images.
            wanted: Returns the batches of an epoch.
            batches: Their number.
            batch_size: The most images of one.
            device: Where batches are moved to.
            threads: The number of threads.
            crop: The parts of images that may be drawn.
            is_endless: Whether the next epoch follows, whose first batches are decoded at the end of one.

        """
        need_pillow()
        self._wanted = wanted
        self._count = batches
        self._is_endless = is_endless
        self._begin = partial(_Run, images, batch_size=batch_size, device=device, threads=threads, crop=crop)
        self._next: tuple[int, _Run] | None = None
        self._open: WeakSet[_Run] = WeakSet()

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """Yield the batches of an epoch as uint8 (B, H, W, C) on the device, each valid until the next one is taken.

        Raises DataError where an image cannot be decoded; what was begun is then given up, as when the caller stops.
        """
        following, self._next = self._next, None
        if following is not None and following[0] == epoch:
            run = following[1]
        else:
            _close(following)
            epochs = count(epoch) if self._is_endless else [epoch]
            run = self._begin(chain.from_iterable(map(self._wanted, epochs)))
            self._open.add(run)
        goes_on = False
        try:
            for _ in range(self._count):
                yield run.take()
            goes_on = self._is_endless
        finally:
            if goes_on:
                _close(self._next)  # of another pass through this loader
                self._next = epoch + 1, run
            else:
                run.close()

    def close(self) -> None:
        """Give up all that is being decoded, and end all threads."""
        for run in list(self._open):
            run.close()
        self._next = None


def _close(following: tuple[int, _Run] | None) -> None:
    if following is not None:
        following[1].close()


class _Run:
    """Batches that are decoded one after the other, with the threads and the memory for them."""

    def __init__(
        self,
        images: StreamedImages | JoinedImages,
        wanted: Iterator[Wanted],
        *,
        batch_size: int,
        device: torch.device,
        threads: int,
        crop: RandomResizedCrop | None,
    ) -> None:
        self._images = images
        self._wanted = wanted
        self._device = device
        self._threads = threads
        self._crop = crop
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=THREAD_NAME)
        _, channels, height, width = images.shape
        shape = (BATCHES, batch_size, height, width, channels)
        self._slots = torch.empty(shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
        self._copied: dict[int, torch.cuda.Event] = {}
        self._next_slot = 0
        self._pending: deque[_Batch] = deque()
        self._fill()

    def take(self) -> Tensor:
        """Return the next batch; the memory of the one before is free from now on."""
        batch = self._pending.popleft()
        self._fill()
        for task in batch.tasks:
            task.result()
        decoded = self._slots[batch.slot, : batch.size]
        if self._device.type != "cuda":
            return decoded
        on_device = decoded.to(self._device, non_blocking=True)
        self._copied[batch.slot] = torch.cuda.current_stream(self._device).record_event()
        return on_device

    def close(self) -> None:
        """Give up what was begun, and wait for the images that are being decoded at this moment."""
        self._pool.shutdown(cancel_futures=True)

    def _fill(self) -> None:
        """Give out the work of further batches: with the one that is taken now, all memory is then in use."""
        for wanted in islice(self._wanted, BATCHES - 1 - len(self._pending)):
            self._pending.append(self._begin(wanted))

    def _begin(self, wanted: Wanted) -> _Batch:
        slot, self._next_slot = self._next_slot, (self._next_slot + 1) % BATCHES
        if slot in self._copied:
            self._copied.pop(slot).synchronize()
        pixels = self._slots[slot].numpy()
        size = len(wanted.indices)
        step = -(-size // (_TASKS_A_THREAD * self._threads))
        tasks = [
            self._pool.submit(_decode, self._images, pixels, wanted, range(start, min(start + step, size)), self._crop)
            for start in range(0, size, step)
        ]
        return _Batch(slot, size, tasks)


def _decode(
    images: StreamedImages | JoinedImages,
    pixels: NDArray[np.uint8],
    wanted: Wanted,
    positions: range,
    crop: RandomResizedCrop | None,
) -> None:
    for at in positions:
        numbers = None if wanted.numbers is None else wanted.numbers[at]
        flips = wanted.flips is not None and bool(wanted.flips[at])
        images.decode_into(pixels[at], int(wanted.indices[at]), crop=crop, numbers=numbers, flips=flips)
