"""Devices: which one a worker computes on, and its name for tables."""

from __future__ import annotations

import gc
import platform

import torch

from seplace.errors import DeviceUnavailable
from seplace.machine import available_bytes, peak_bytes

CONTEXT_BYTES = 600_000_000
"""The memory of a GPU that CUDA and its libraries take for one process, beside that of torch's allocator; about."""


def resolve_device(accelerator: str, worker: int, *, devices: int = 1) -> str:
    """Return the torch device of a worker, the first of those that one training takes.

    Workers take the GPUs in turn. Raises DeviceUnavailable where there are fewer than one training takes.
    """
    gpus = gpus_of(accelerator)
    if 0 < gpus < devices:
        raise DeviceUnavailable(
            f"training.trainer.devices: {devices} are more than the {gpus} GPUs that torch sees here"
        )
    return f"cuda:{worker % (gpus // devices) * devices}" if gpus else "cpu"


def gpus_of(accelerator: str) -> int:
    """Return the number of GPUs that trainings use; 0 where they run on the CPU. Raises DeviceUnavailable without."""
    if accelerator == "cpu":
        return 0
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if accelerator == "gpu" and gpus == 0:
        raise DeviceUnavailable("accelerator gpu: torch sees no GPU here; use accelerator cpu, or auto")
    return gpus


def device_name(device: torch.device) -> str:
    """Return the name of a device for tables."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu {platform.machine()}"


def held_memory(device: torch.device) -> int:
    """Return the most memory in bytes that this process has held, of the GPU where it trains on one."""
    return torch.cuda.max_memory_reserved(device) + CONTEXT_BYTES if device.type == "cuda" else peak_bytes()


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free, of the GPU where trainings run on one; None where it is not known."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else available_bytes()


def use_device(device: torch.device) -> None:
    """Make a GPU the current one: what names no GPU would else take memory of the first one, in every process."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def has_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16; a GPU that only emulates it would be slower than in fp32."""
    if device.type != "cuda":
        return True
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def require_precision(precision: str, device: torch.device) -> None:
    """Raise DeviceUnavailable where a device does not train in a precision."""
    if precision == "bf16" and not has_bf16(device):
        raise DeviceUnavailable(f"{torch.cuda.get_device_name(device)} has no bf16: use precision fp32 or fp16")
    if precision == "fp16" and device.type != "cuda":
        raise DeviceUnavailable("precision fp16 needs a GPU, and this training runs on the CPU: use fp32 or bf16")


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def share_memory(device: torch.device, *, among: int) -> None:
    """Limit this process to its share of a GPU's memory, in bytes that torch may hold; a CPU has no such limit.

    So it depends on the training alone whether its memory suffices, and not on what the others hold at this moment.
    The driver's process is on the device too.
    """
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        share = (total - (among + 1) * CONTEXT_BYTES) / (among * total)
        torch.cuda.set_per_process_memory_fraction(max(share, 0.5 / among) if among > 1 else 1.0, device)


def release_memory(device: torch.device) -> None:
    """Give back what a training that ran out of memory has left: its objects refer to each other in circles."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
