"""The published parameters of released models beside ours, counted once for all tests of a process."""

import functools
from typing import Any

from seplace.bench.compare import compare_published


@functools.cache
def released() -> list[dict[str, Any]]:
    return compare_published(["released"])
