import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.ge import GE


def mean_reference(u: Tensor) -> Tensor:
    """σ(avgpool(u))."""
    images, channels, height, width = u.shape
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        for c in range(channels):
            expected[n, c] = 1 / (1 + torch.exp(-sum(u[n, c].flatten()) / (height * width)))
    return expected


def convolution_reference(gate: GE, u: Tensor, *, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
    """σ(BN(Σ_ij w_cij u_cij)), by the batch's statistics where none are given."""
    score = torch.einsum("cij,ncij->nc", gate.excite.conv.weight[:, 0], u)
    mean, variance = statistics or (score.sum(0) / len(u), (score - score.sum(0) / len(u)).square().sum(0) / len(u))
    norm = gate.excite.norm
    score = (score - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias
    return 1 / (1 + torch.exp(-score))[:, :, None, None]


@pytest.fixture
def gate() -> GE:
    torch.manual_seed(0)
    gate = GE(12, map_size=5)
    norm = gate.excite.norm
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.normal_()
        norm.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
def test_the_equation_without_parameters() -> None:
    torch.manual_seed(0)
    u = 3 * torch.randn(3, 12, 4, 5)
    torch.testing.assert_close(GE(12)(u), mean_reference(u), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_the_identity_init_fades_the_parameter_free_gate_in(strength: float) -> None:
    torch.manual_seed(0)
    gate, u = GE(12, init="identity"), torch.randn(3, 12, 4, 5)
    (parameter,) = gate.parameters()
    parameter.fill_(strength)
    torch.testing.assert_close(gate(u), (1 - strength) + strength * mean_reference(u), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_the_equation_with_a_map_size(gate: GE, training: bool) -> None:
    u = torch.randn(4, 12, 5, 5)
    norm = gate.excite.norm
    statistics = None if training else (norm.running_mean.clone(), norm.running_var.clone())
    expected = convolution_reference(gate, u, statistics=statistics)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_a_map_size_and_the_identity_init_is_twice_the_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = GE(12, init="identity", map_size=5), torch.randn(4, 12, 5, 5)
    gate.excite.norm.weight.normal_()
    torch.testing.assert_close(gate(u), 2 * convolution_reference(gate, u, statistics=None), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(4, 5), (5, 4), (6, 6), (1, 1)])
def test_a_map_of_another_size_is_refused(gate: GE, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"GE with map_size 5 cannot gather a {height}x{width} map"):
        gate(torch.zeros(2, 12, height, width))


def test_one_image_is_refused_in_training_with_a_map_size_alone(gate: GE) -> None:
    with pytest.raises(ValueError, match="GE's batch norm cannot train on one image"):
        gate.train()(torch.ones(1, 12, 5, 5))
    assert gate.eval()(torch.ones(1, 12, 5, 5)).isfinite().all()
    assert GE(12).train()(torch.ones(1, 12, 5, 5)).isfinite().all()


@pytest.mark.parametrize(
    ("init", "map_size", "parameters", "macs"),
    [
        pytest.param("paper", None, 0, 0, id="no parameters"),
        pytest.param("identity", None, 1, 0, id="a strength"),
        pytest.param("paper", 6, 16 * 6 * 6 + 2 * 16, 16 * 6 * 6, id="a kernel of the map's size"),
        pytest.param("identity", 6, 16 * 6 * 6 + 2 * 16, 16 * 6 * 6, id="the same"),
    ],
)
def test_parameters_and_macs(init: str, map_size: int | None, parameters: int, macs: int) -> None:
    gate = GE(16, init=init, map_size=map_size).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 16, 6, 6))
    assert counter.get_total_flops() == 2 * macs
