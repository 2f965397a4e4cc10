"""How benchmarks print: ratios and times as median, quartiles and n, with the machine and versions they hold for."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence

from seplace.files.versions import versions


def show(subject: str, values: Sequence[float], unit: str, *, mark: str) -> None:
    """Print the median and quartiles of a figure beside the mark that it is held to."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    print(f"{subject:<58} {median:8.3f} {unit:<9} [{lower:.3f}, {upper:.3f}]  n = {len(values)}  (mark: {mark})")


def show_machine() -> None:
    """Print what the figures hold for."""
    named = ", ".join(f"{name} {version}" for name, version in versions().items())
    print(f"{platform.machine()}, {os.cpu_count()} cores; {named}")
