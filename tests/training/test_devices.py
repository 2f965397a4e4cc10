import pytest
import torch

from seplace.errors import DeviceUnavailable
from seplace.training.devices import resolve_device


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


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    with pytest.raises(DeviceUnavailable, match="use accelerator cpu, or auto"):
        resolve_device("gpu", 0)
