from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from seplace.errors import DeviceUnavailable
from seplace.training.devices import (
    CONTEXT_BYTES,
    free_memory,
    gpus_of,
    has_bf16,
    held_memory,
    release_memory,
    require_precision,
    resolve_device,
    share_memory,
    synchronize,
    use_device,
)


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("accelerator", "count", "worker", "device"),
    [
        pytest.param("cpu", 2, 1, "cpu", id="a CPU although there are GPUs"),
        pytest.param("auto", 0, 3, "cpu", id="no GPU to take"),
        pytest.param("auto", 2, 1, "cuda:1", id="a GPU where there is one"),
        pytest.param("gpu", 2, 4, "cuda:0", id="workers take GPUs in turn"),
    ],
)
def test_the_device_of_a_worker(
    accelerator: str, count: int, worker: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(monkeypatch, count)
    assert resolve_device(accelerator, worker) == device


def test_trainings_of_several_devices_take_groups_of_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 5)
    assert [resolve_device("gpu", worker, devices=2) for worker in range(3)] == ["cuda:0", "cuda:2", "cuda:0"]
    assert resolve_device("cpu", 0, devices=8) == "cpu"
    with pytest.raises(DeviceUnavailable, match="8 are more than the 5 GPUs"):
        resolve_device("auto", 0, devices=8)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    with pytest.raises(DeviceUnavailable, match="use accelerator cpu, or auto"):
        resolve_device("gpu", 0)


CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


def test_a_processor_needs_none_of_what_a_gpu_does() -> None:
    for do_nothing in (use_device, synchronize, release_memory):
        do_nothing(CPU)
    share_memory(CPU, among=2)
    assert has_bf16(CPU)
    assert held_memory(CPU) > 10**7
    assert gpus_of("cpu") == 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is asked of a GPU of 80 GB, of which a quarter is free."""
    asked: list[tuple[object, ...]] = []
    gpus(monkeypatch, 2)
    properties = SimpleNamespace(total_memory=80 * 10**9, major=7)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: asked.append(given))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.append(("current", device)))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: asked.append(("waits", device)))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: asked.append(("empty",)))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: 10**9)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (20 * 10**9, 80 * 10**9))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    return asked


@pytest.mark.parametrize("among", [1, 2, 16])
def test_workers_share_the_memory_of_a_gpu(calls: list[tuple[object, ...]], among: int) -> None:
    share_memory(GPU, among=among)
    ((fraction, device),) = calls
    assert device == GPU
    if among == 1:
        assert fraction == 1.0
    else:  # beside what each process takes before torch asks for anything, the driver's too
        assert among * fraction * 80 * 10**9 == pytest.approx(80 * 10**9 - (among + 1) * CONTEXT_BYTES)


def test_a_small_gpu_is_shared_too(calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=4 * 10**9))
    share_memory(GPU, among=16)
    assert calls == [(0.5 / 16, GPU)]


def test_what_is_asked_of_a_gpu(calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    use_device(GPU)
    synchronize(GPU)
    release_memory(GPU)
    assert calls == [("current", GPU), ("waits", GPU), ("empty",)]
    assert (held_memory(GPU), free_memory(GPU)) == (10**9 + CONTEXT_BYTES, 20 * 10**9)
    assert not has_bf16(GPU)  # emulation does not count
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=8))
    assert has_bf16(GPU)
    assert gpus_of("auto") == 2


@pytest.mark.usefixtures("calls")
def test_a_precision_that_a_device_does_not_train_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "an old GPU")
    for precision, device in (("fp32", CPU), ("bf16", CPU), ("fp32", GPU), ("fp16", GPU)):
        require_precision(precision, device)
    with pytest.raises(DeviceUnavailable, match="fp16 needs a GPU, and this training runs on the CPU"):
        require_precision("fp16", CPU)
    with pytest.raises(DeviceUnavailable, match="an old GPU has no bf16: use precision fp32 or fp16"):
        require_precision("bf16", GPU)
