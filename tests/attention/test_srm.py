import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.srm import SRM


def reference(gate: SRM, u: Tensor, *, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
    """σ(BN(w₁ mean + w₂ std)), by the batch's statistics where none are given."""
    images, channels, height, width = u.shape
    pixels, weight = height * width, gate.integrate.weight
    score = torch.empty(images, channels)
    for n in range(images):
        for c in range(channels):
            mean = u[n, c].sum() / pixels
            deviation = (((u[n, c] - mean) ** 2).sum() / pixels + 1e-5) ** 0.5
            score[n, c] = weight[c, 0, 0] * mean + weight[c, 0, 1] * deviation
    mean, variance = statistics or (score.sum(0) / images, (score - score.sum(0) / images).square().sum(0) / images)
    score = (score - mean) / (variance + 1e-5).sqrt() * gate.norm.weight + gate.norm.bias
    return 1 / (1 + torch.exp(-score))[:, :, None, None]


@pytest.fixture
def gate() -> SRM:
    torch.manual_seed(0)
    gate = SRM(12)
    with torch.no_grad():
        for tensor in (gate.norm.weight, gate.norm.bias, gate.norm.running_mean):
            tensor.normal_()
        gate.norm.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_the_equation(gate: SRM, training: bool) -> None:
    u = torch.randn(4, 12, 4, 5) * torch.rand(4, 12, 1, 1)
    statistics = None if training else (gate.norm.running_mean.clone(), gate.norm.running_var.clone())
    expected = reference(gate, u, statistics=statistics)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=2e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_the_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = SRM(12, init="identity").eval(), torch.randn(4, 12, 4, 5)
    gate.norm.weight.normal_()
    expected = 2 * reference(gate, u, statistics=(torch.zeros(12), torch.ones(12)))
    torch.testing.assert_close(gate(u), expected, atol=2e-6, rtol=0)


def test_the_deviation_of_one_pixel_has_a_value_and_a_gradient(gate: SRM) -> None:
    u = torch.randn(4, 12, 1, 1, requires_grad=True)
    gated = gate(u)
    gated.square().sum().backward()
    for tensor in (gated, u.grad, gate.integrate.weight.grad):
        assert tensor.isfinite().all()


def test_a_variance_that_overflows_leaves_a_finite_gate_and_gradient(gate: SRM) -> None:
    u = (1e20 * torch.randn(4, 12, 4, 5)).requires_grad_()
    gated = gate.eval()(u)
    gated.sum().backward()
    for tensor in (gated, u.grad, *(parameter.grad for parameter in gate.parameters())):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("side", [1, 4])
def test_one_image_is_refused_in_training_alone(gate: SRM, side: int) -> None:
    with pytest.raises(ValueError, match="SRM's batch norm cannot train on one image"):
        gate.train()(torch.ones(1, 12, side, side))
    assert gate.eval()(torch.ones(1, 12, side, side)).isfinite().all()


@pytest.mark.parametrize("channels", [1, 16, 96])
def test_parameters_and_macs(channels: int) -> None:
    gate = SRM(channels).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * channels + 2 * channels
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * channels)
