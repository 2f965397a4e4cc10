"""Devices: which one a worker computes on, and its name for tables."""

from __future__ import annotations

import platform

import torch

from seplace.errors import DeviceUnavailable


def resolve_device(accelerator: str, worker: int) -> str:
    """Return the torch device of a worker; workers take GPUs in turn. Raises DeviceUnavailable without a GPU."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if accelerator == "cpu" or (accelerator == "auto" and gpus == 0):
        return "cpu"
    if gpus == 0:
        raise DeviceUnavailable("accelerator gpu: torch sees no GPU here; use accelerator cpu, or auto")
    return f"cuda:{worker % gpus}"


def device_name(device: torch.device) -> str:
    """Return the name of a device for tables."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu {platform.machine()}"
