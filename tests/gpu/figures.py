"""What a step of `tests/gpu/run.sh` is given, and the figures that it notes."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seplace.files.atomic import write_atomically
from seplace.files.versions import versions


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value: the mean of n, and how far they lie apart."""

    what: str
    value: float | str
    unit: str = ""
    n: int = 1
    spread: float | None = None
    """The largest minus the smallest of the n values."""

    @classmethod
    def of(cls, what: str, values: Sequence[float], unit: str) -> Figure:
        """Return the mean of some values."""
        return cls(
            what=what, value=statistics.fmean(values), unit=unit, n=len(values), spread=max(values) - min(values)
        )

    @property
    def cells(self) -> list[str]:
        value = self.value if isinstance(self.value, str) else f"{self.value:.6g}"
        return [self.what, value, self.unit, str(self.n), "" if self.spread is None else f"{self.spread:.3g}"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where a step runs, and what it may take."""

    folder: Path
    """The folder of the step's own files, which are thrown away; figures are noted beside it."""
    accelerator: str
    """`gpu` or `cpu`; on a processor all steps are small."""
    data: str | None = None
    """The folder of CIFAR-10; None for generated images."""
    figures: list[Figure] = field(default_factory=list)

    @property
    def is_small(self) -> bool:
        return self.accelerator == "cpu"

    @property
    def device(self) -> str:
        return "cpu" if self.is_small else "cuda:0"

    def note(self, *figures: Figure) -> None:
        """Keep figures at once: a step that ends early leaves those that it has."""
        self.figures.extend(figures)
        record = json.dumps([asdict(figure) for figure in self.figures], indent=1)
        write_atomically(self.folder / "figures.json", record + "\n")


def figures_in(folder: Path) -> list[Figure]:
    """Return the figures that a step has left."""
    path = folder / "figures.json"
    return [Figure(**record) for record in json.loads(path.read_text())] if path.exists() else []


def machine_record(accelerator: str) -> dict[str, Any]:
    """Return the devices and the versions of this machine."""
    import torch

    from seplace.machine import available_bytes, usable_cores
    from seplace.training.devices import has_bf16

    record: dict[str, Any] = {
        "accelerator": accelerator,
        "device": f"no GPU: {platform.machine()}, {usable_cores()} cores",
        "cores": usable_cores(),
        "memory_gb": round((available_bytes() or 0) / 1e9, 1),
        "python": platform.python_version(),
        "versions": versions(),
        "cuda": torch.version.cuda,
    }
    if accelerator == "gpu":
        properties = torch.cuda.get_device_properties(0)
        record |= {
            "device": f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {usable_cores()} cores",
            "gpus": torch.cuda.device_count(),
            "driver": _driver(),
            "cudnn": torch.backends.cudnn.version(),
            "bf16": has_bf16(torch.device("cuda", 0)),
        }
    return record


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version,mig.mode.current", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"not known: {error}"


def seplace(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run a command of seplace in a process of its own, and return what it printed."""
    command = [sys.executable, "-m", "seplace", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seplace {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout + done.stderr
