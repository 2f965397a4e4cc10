import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.simam import SimAM


def reference(u: Tensor) -> Tensor:
    """σ(d / (4(v + λ)) + 0.5), with one map after the other."""
    images, channels, height, width = u.shape
    expected = torch.empty_like(u)
    for n in range(images):
        for c in range(channels):
            distance = (u[n, c] - u[n, c].sum() / (height * width)) ** 2
            variance = distance.sum() / (height * width - 1)
            expected[n, c] = 1 / (1 + torch.exp(-(distance / (4 * (variance + 1e-4)) + 0.5)))
    return expected


@torch.no_grad()
@pytest.mark.parametrize("scale", [1, 1e-2, 1e4], ids=["unit", "no larger than the penalty", "large"])
def test_the_equation(scale: float) -> None:
    torch.manual_seed(0)
    u = scale * torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(SimAM(6)(u), reference(u), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_the_identity_init_fades_the_gate_in(strength: float) -> None:
    torch.manual_seed(0)
    gate, u = SimAM(6, init="identity"), torch.randn(2, 6, 4, 5)
    (parameter,) = gate.parameters()
    parameter.fill_(strength)
    torch.testing.assert_close(gate(u), (1 - strength) + strength * reference(u), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_map_of_one_pixel_is_at_its_mean() -> None:
    expected = torch.full((2, 6, 1, 1), 0.5).sigmoid()
    torch.testing.assert_close(SimAM(6)(torch.randn(2, 6, 1, 1)), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("init", ["paper", "identity"])
@pytest.mark.parametrize("scale", [0, 1e4, 1e20], ids=["a constant map", "large", "beyond any square"])
def test_any_map_has_a_finite_gate_and_gradient(init: str, scale: float) -> None:
    gate, u = SimAM(6, init=init), (scale * torch.randn(2, 6, 4, 5)).requires_grad_()
    gated = u * gate(u)
    gated.sum().backward()
    for tensor in (gated, u.grad, *(parameter.grad for parameter in gate.parameters())):
        assert tensor.isfinite().all()


@pytest.mark.parametrize(("init", "parameters"), [("paper", 0), ("identity", 1)])
def test_parameters_and_macs(init: str, parameters: int) -> None:
    gate = SimAM(16, init=init)
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 16, 6, 5))
    assert counter.get_total_flops() == 0
