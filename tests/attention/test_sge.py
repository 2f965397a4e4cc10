import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.sge import SGE

GROUPS = [
    pytest.param(16, 16, id="16: a channel a group"),
    pytest.param(64, 64, id="64: the paper's groups, of one channel"),
    pytest.param(256, 64, id="256: the paper's groups"),
    pytest.param(96, 32, id="96: 64 do not divide it"),
    pytest.param(7, 1, id="7: one group"),
]


def reference(gate: SGE, u: Tensor, groups: int) -> Tensor:
    """σ(w ĉ + b), with one group after the other."""
    images, channels, height, width = u.shape
    pixels, size = height * width, channels // groups
    expected = torch.empty_like(u)
    for n in range(images):
        for group in range(groups):
            channels_of_group = u[n, group * size : (group + 1) * size]
            pooled = [channel.sum() / pixels for channel in channels_of_group]
            similarity = sum(value * channel for value, channel in zip(pooled, channels_of_group, strict=True))
            centred = similarity - similarity.sum() / pixels
            deviation = ((centred**2).sum() / pixels) ** 0.5
            score = gate.weight[group] * centred / (deviation + 1e-5) + gate.bias[group]
            expected[n, group * size : (group + 1) * size] = 1 / (1 + torch.exp(-score))
    return expected


@torch.no_grad()
@pytest.mark.parametrize(("channels", "groups"), GROUPS)
@pytest.mark.parametrize("init", ["paper", "identity"])
def test_the_equation(channels: int, groups: int, init: str) -> None:
    torch.manual_seed(0)
    # Means that are not near 0: rounding is then no larger than the similarities.
    gate, u = SGE(channels, init=init), 1 + torch.randn(2, channels, 4, 5)
    gate.weight.normal_()
    gate.bias.normal_()
    factor = {"paper": 1, "identity": 2}[init]
    torch.testing.assert_close(gate(u), factor * reference(gate, u, groups), atol=factor * 1e-6, rtol=0)


@torch.no_grad()
def test_the_paper_starts_at_the_sigmoid_of_one() -> None:
    gate = SGE(12)(torch.randn(2, 12, 4, 5))
    torch.testing.assert_close(gate, torch.full((2, 12, 4, 5), 0.7310586), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_map_of_one_pixel_has_no_similarity_but_the_mean() -> None:
    gate = SGE(12)
    gate.weight.normal_()
    gate.bias.normal_()
    expected = gate.bias.sigmoid().repeat_interleave(12 // 4)[None, :, None, None].expand(2, 12, 1, 1)
    torch.testing.assert_close(gate(torch.randn(2, 12, 1, 1)), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize("scale", [0, 1e4, 1e20], ids=["a constant map", "large", "beyond any square"])
def test_any_map_has_a_finite_gate_and_gradient(weight: float, scale: float) -> None:
    torch.manual_seed(0)
    gate, u = SGE(128), (scale * torch.randn(2, 128, 4, 5)).requires_grad_()
    with torch.no_grad():
        gate.weight.fill_(weight)
    gated = gate(u)
    gated.sum().backward()
    for tensor in (gated, u.grad, gate.weight.grad, gate.bias.grad):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("init", ["paper", "identity"])
def test_gradients_reach_weight_and_bias_although_the_weight_is_zero(init: str) -> None:
    torch.manual_seed(0)
    gate, u = SGE(128, init=init), torch.randn(2, 128, 4, 5)
    assert not gate.weight.any()
    (u * gate(u)).square().sum().backward()
    assert gate.weight.grad.all()
    assert gate.bias.grad.all()


@pytest.mark.parametrize(("channels", "groups"), GROUPS)
def test_parameters_and_macs(channels: int, groups: int) -> None:
    gate = SGE(channels)
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * groups
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 0
