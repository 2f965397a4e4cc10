"""Examine this machine: its packages, its devices, and known problems."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sqlite3
import subprocess
import sys
from dataclasses import dataclass

_PACKAGES = ("seplace", "torch", "pytorch-lightning", "optuna", "fvcore", "pandas", "numpy", "matplotlib")
_OPTIONAL = ("pyarrow", "pillow")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the examination; `advice` says what to do about a problem."""

    subject: str
    state: str
    advice: str = ""


def examine() -> list[Finding]:
    """Return the findings about Python, packages, devices and precisions."""
    findings = [Finding(subject="python", state=f"{platform.python_version()} on {platform.platform()}")]
    findings += [*(_package(name) for name in _PACKAGES), *_lightning()]
    findings += [_package(name, advice=f"needed for encoded images: pip install {name}") for name in _OPTIONAL]
    findings += [_package("kornia", advice="needed for randaugment: pip install 'seplace[augment]'")]
    findings += [_package("ray", advice="needed for executor ray: pip install 'seplace[ray]'")]
    findings += [Finding(subject="sqlite", state=sqlite3.sqlite_version), *_torchvision(), *_devices()]
    return findings


def _package(name: str, *, advice: str = "pip install . in a checkout of seplace") -> Finding:
    try:
        return Finding(subject=name, state=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(subject=name, state="not installed", advice=advice)


def _lightning() -> list[Finding]:
    """Return the version of Lightning's other package, which trainings of the user's own may import, if it is there."""
    try:
        return [Finding(subject="lightning", state=importlib.metadata.version("lightning"))]
    except importlib.metadata.PackageNotFoundError:
        return []


def _torchvision() -> list[Finding]:
    """Return whether torchvision, if there is one, fits torch: one that does not breaks the import of Lightning."""
    if importlib.util.find_spec("torchvision") is None:
        return []
    trial = subprocess.run(
        [sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False, timeout=120
    )
    if trial.returncode == 0:
        return [Finding(subject="torchvision", state="imports (seplace does not need it)")]
    last_line = (trial.stderr.strip().splitlines() or ["no message"])[-1]
    return [
        Finding(
            subject="torchvision",
            state=f"cannot be imported: {last_line}",
            advice="it breaks the import of Lightning too: install the one that fits torch, or, as seplace does not "
            "need it: pip uninstall torchvision",
        )
    ]


def _devices() -> list[Finding]:
    import torch

    from seplace.training.devices import has_bf16

    findings = [
        Finding(
            subject="processor",
            state=f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        )
    ]
    if not torch.cuda.is_available():
        return [*findings, Finding(subject="GPU", state="not found by torch; studies run on the processor")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        bf16 = "bf16" if has_bf16(torch.device("cuda", number)) else "no bf16"
        findings.append(
            Finding(
                subject=f"GPU {number}",
                state=f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {bf16}",
            )
        )
    return findings
