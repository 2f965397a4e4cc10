import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.eca import ECA
from seplace.errors import InvalidPlacement
from seplace.placement import StageChoice

KERNELS = [
    pytest.param(1, 1, id="1: t = 0.5"),
    pytest.param(4, 1, id="4: t = 1.5"),
    pytest.param(8, 3, id="8: t = 2, made odd"),
    *(pytest.param(channels, 3, id=f"{channels}") for channels in (16, 32, 64, 96)),
    *(pytest.param(channels, 5, id=f"{channels}") for channels in (128, 256, 512, 1024)),
    pytest.param(2048, 7, id="2048: t = 6, made odd"),
]


def reference(gate: ECA, u: Tensor) -> Tensor:
    """σ(Σ_j w_j avgpool(u)_{c + j - k//2}), zero beyond the first and the last channel."""
    (kernel,) = gate.conv.weight.flatten(1)
    images, channels, height, width = u.shape
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        for c in range(channels):
            score = torch.zeros(())
            for j, weight in enumerate(kernel):
                neighbor = c + j - len(kernel) // 2
                if 0 <= neighbor < channels:
                    score += weight * u[n, neighbor].sum() / (height * width)
            expected[n, c] = 1 / (1 + torch.exp(-score))
    return expected


@torch.no_grad()
@pytest.mark.parametrize("channels", [2, 16, 130], ids=["kernel 1", "kernel 3", "kernel 5"])
def test_the_equation(channels: int) -> None:
    torch.manual_seed(0)
    gate, u = ECA(channels), torch.randn(2, channels, 4, 5)
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_the_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = ECA(16, init="identity"), torch.randn(2, 16, 4, 5)
    gate.conv.weight.normal_()
    torch.testing.assert_close(gate(u), 2 * reference(gate, u), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("channels", "kernel"), KERNELS)
def test_parameters_and_macs(channels: int, kernel: int) -> None:
    gate = ECA(channels)
    assert sum(parameter.numel() for parameter in gate.parameters()) == kernel
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * kernel * channels


@torch.no_grad()
def test_a_kernel_of_its_own() -> None:
    torch.manual_seed(0)
    gate, u = ECA(16, kernel=9), torch.randn(2, 16, 4, 5)
    assert gate.conv.weight.numel() == 9
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InvalidPlacement, match=r"eca: kernel is one of adaptive, 1, .*, 15 \(got '4'\)"):
        StageChoice.parse("eca[kernel=4]")
