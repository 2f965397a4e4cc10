"""Trials with and without the allocator's settings, side by side: `python -m tests.benchmarks.allocator`."""

from __future__ import annotations

import ctypes

import torch

from seplace.training.allocator import _M_MMAP_MAX, _M_TOP_PAD, _M_TRIM_THRESHOLD, keep_freed_memory
from tests.benchmarks.figures import show, show_machine
from tests.benchmarks.trial import bare_loop, loaders, resnet8, seconds


def give_back() -> None:
    """Set what glibc begins with."""
    set_option = ctypes.CDLL(None).mallopt
    set_option(_M_MMAP_MAX, 65536)
    set_option(_M_TRIM_THRESHOLD, 128 * 1024)
    set_option(_M_TOP_PAD, 128 * 1024)


def main() -> None:
    torch.set_num_threads(1)
    show_machine()
    training, validation = loaders(1024, side=32)
    bare_loop(resnet8(), training, validation)
    ratios = []
    for _ in range(9):
        keep_freed_memory()
        kept = seconds(bare_loop, resnet8(), training, validation)
        give_back()
        ratios.append(kept / seconds(bare_loop, resnet8(), training, validation))
    show("kept over given back, ResNet-8 at 32x32, 16 steps", ratios, "times", mark="1.0")


if __name__ == "__main__":
    main()
