"""A setting of glibc's allocator that keeps freed memory for the next training step.

Each step on a CPU allocates and frees buffers of the same sizes. glibc returns the large ones to the system, which
clears them before they are allocated again. That takes over 10 % of a step (`python -m tests.benchmarks.allocator`).
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Parameters of mallopt, from glibc's malloc.h."""

_PADDING = 64 * 2**20


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees from now on; without glibc nothing changes."""
    if platform.libc_ver()[0] != "glibc":
        return
    set_option = ctypes.CDLL(None).mallopt
    set_option(_M_MMAP_MAX, 0)
    set_option(_M_TRIM_THRESHOLD, -1)
    set_option(_M_TOP_PAD, _PADDING)
