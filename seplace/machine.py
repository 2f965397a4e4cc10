"""The cores and the memory of this machine that a run may use. It needs no torch."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMORY_KILLS = re.compile(r"^oom_kill (\d+)$", flags=re.MULTILINE)


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_bytes() -> int:
    """Return the largest memory that this process has held.

    On Linux it is read from its own record: `getrusage` counts that of the parent too, whose memory a new process
    shares until it begins its program.
    """
    found = re.search(r"^VmHWM:\s*(\d+) kB$", _text(Path("/proc/self/status")), flags=re.MULTILINE)
    if found:
        return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def available_bytes() -> int | None:
    """Return the memory that is free for new processes, also by the limits of a container; None where not known."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB$", _text(Path("/proc/meminfo")), flags=re.MULTILINE)
    if not found:
        return None
    return min([1024 * int(found[1]), *_left_of_cgroups()])


def memory_kills() -> int:
    """Return how many processes this machine has killed since its start because memory ran out; 0 where not known."""
    found = _MEMORY_KILLS.search(_text(Path("/proc/vmstat")))
    return int(found[1]) if found else 0


def _left_of_cgroups() -> list[int]:
    """Return the memory left by each limit on the control groups of this process."""
    found = re.search(r"^0::/(.*)$", _text(Path("/proc/self/cgroup")), flags=re.MULTILINE)
    own = _CGROUPS / (found[1] if found else "")
    return [left for group in (own, *own.parents) if _CGROUPS in (group, *group.parents) and (left := _left(group))]


def _left(group: Path) -> int | None:
    limit, used = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if not (limit.isdecimal() and used.isdecimal()):
        return None
    given_back = re.search(r"^inactive_file (\d+)$", _text(group / "memory.stat"), flags=re.MULTILINE)
    return max(int(limit) - int(used) + (int(given_back[1]) if given_back else 0), 1)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
