import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.native import NativeSE

# By hand: the multiple of 8 that is nearest to C/4, unless it is less than nine tenths of that.
HIDDEN = [
    pytest.param(4, 8, id="4: at least 8"),
    pytest.param(16, 8, id="16: at least 8"),
    pytest.param(40, 16, id="40: 8 would lose 20 % of 10"),
    pytest.param(72, 24, id="72: 16 would lose 11 % of 18"),
    pytest.param(88, 24, id="88: 22 is nearer to 24"),
    pytest.param(96, 24, id="96: 24"),
    pytest.param(120, 32, id="120: 30 is nearer to 32"),
    pytest.param(184, 48, id="184: 46 is nearer to 48"),
    pytest.param(200, 48, id="200: 48 loses 4 % of 50"),
    pytest.param(240, 64, id="240: 60 goes up at the middle"),
    pytest.param(288, 72, id="288: 72"),
    pytest.param(480, 120, id="480: 120"),
    pytest.param(576, 144, id="576: 144"),
    pytest.param(672, 168, id="672: 168"),
    pytest.param(960, 240, id="960: 240"),
]


def reference(gate: NativeSE, u: Tensor) -> Tensor:
    """min(max(W2 φ(W1 avgpool(u) + b1) + b2 + 3, 0), 6) / 6."""
    pooled = u.sum((2, 3)) / (u.shape[2] * u.shape[3])
    units = (torch.einsum("hc,nc->nh", gate.reduce.weight, pooled) + gate.reduce.bias).clamp(min=0)
    score = torch.einsum("ch,nh->nc", gate.expand.weight, units) + gate.expand.bias
    return ((score + 3).clamp(min=0, max=6) / 6)[:, :, None, None]


@torch.no_grad()
@pytest.mark.parametrize(("init", "factor"), [("paper", 1), ("identity", 2)])
@pytest.mark.parametrize("size", [(4, 5), (1, 1)], ids=str)
def test_the_equation(init: str, factor: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    gate, u = NativeSE(40, init=init), torch.randn(3, 40, *size)
    gate.expand.weight.normal_()
    gate.expand.bias.copy_(torch.linspace(-4, 4, 40))  # beyond both bends
    expected = reference(gate, u)
    assert expected.min() == 0
    assert expected.max() == 1
    torch.testing.assert_close(gate(u), factor * expected, atol=1e-6, rtol=0)


def test_it_starts_as_the_identity_with_that_init() -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 40, 5, 7)
    assert torch.equal(NativeSE(40, init="identity")(u), torch.ones(2, 40, 1, 1))
    assert not torch.allclose(NativeSE(40)(u), torch.ones(()))


@pytest.mark.parametrize(("channels", "hidden"), HIDDEN)
def test_parameters_and_macs(channels: int, hidden: int) -> None:
    gate = NativeSE(channels)
    assert gate.reduce.out_features == hidden
    parameters = 2 * channels * hidden + channels + hidden
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * channels * hidden)
