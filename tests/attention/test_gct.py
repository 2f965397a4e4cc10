import math

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.gct import GCT

INITS = ["paper", "identity"]


def reference(gate: GCT, u: Tensor) -> Tensor:
    """1 + tanh(γ ŝ + β), with one channel after the other."""
    images, channels = u.shape[:2]
    alpha, gamma, beta = (parameter.tolist() for parameter in (gate.alpha, gate.gamma, gate.beta))
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        embedding = [alpha[c] * math.sqrt((u[n, c] ** 2).sum() + 1e-5) for c in range(channels)]
        scale = math.sqrt(sum(value**2 for value in embedding) / channels + 1e-5)
        for c in range(channels):
            expected[n, c] = 1 + math.tanh(gamma[c] * embedding[c] / scale + beta[c])
    return expected


@pytest.fixture
def gate() -> GCT:
    torch.manual_seed(0)
    gate = GCT(12)
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.normal_()
    return gate


@torch.no_grad()
@pytest.mark.parametrize("scale", [1, 1e-3, 1e4])
def test_the_equation(gate: GCT, scale: float) -> None:
    u = scale * torch.randn(3, 12, 4, 5)
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("init", INITS)
def test_it_starts_with_the_papers_values_and_as_the_identity_with_either_init(init: str) -> None:
    gate, u = GCT(12, init=init), torch.randn(3, 12, 4, 5)
    for parameter, value in ((gate.alpha, 1), (gate.gamma, 0), (gate.beta, 0)):
        assert torch.equal(parameter, torch.full((12,), float(value)))
    assert torch.equal(u * gate(u), u)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_the_squared_sum_does_not_overflow_in_half_precision(gate: GCT, dtype: torch.dtype) -> None:
    u = (1e4 * torch.randn(2, 12, 16, 16)).to(dtype)
    for weights in (torch.float32, dtype):
        gate.to(weights)
        torch.testing.assert_close(gate(u), reference(gate, u.float()).to(dtype), atol=0.02, rtol=0)


@pytest.mark.parametrize("scale", [1e4, 1e20])
def test_maps_beyond_any_square_have_a_finite_gate_and_gradient(gate: GCT, scale: float) -> None:
    u = (scale * torch.randn(2, 12, 4, 5)).requires_grad_()
    gated = gate(u)
    gated.sum().backward()
    for tensor in (gated, u.grad, *(parameter.grad for parameter in gate.parameters())):
        assert tensor.isfinite().all()


def test_an_empty_map_has_a_finite_gate_and_gradient(gate: GCT) -> None:
    u = torch.zeros(2, 12, 4, 5, requires_grad=True)
    gate(u).sum().backward()
    assert torch.equal(u.grad, torch.zeros_like(u))


@pytest.mark.parametrize("init", INITS)
def test_parameters_and_macs(init: str) -> None:
    gate = GCT(16, init=init)
    assert sum(parameter.numel() for parameter in gate.parameters()) == 3 * 16
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 16, 6, 5))
    assert counter.get_total_flops() == 0
