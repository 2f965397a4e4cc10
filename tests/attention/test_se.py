import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.se import SE


def reference(gate: SE, u: Tensor) -> Tensor:
    """σ(W2 φ(W1 avgpool(u))), with one channel after the other."""
    squeeze, excite = gate.reduce.weight, gate.expand.weight
    (images, channels, height, width), hidden = u.shape, len(squeeze)
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        pooled = [u[n, c].sum() / (height * width) for c in range(channels)]
        units = [max(sum(squeeze[h, c] * pooled[c] for c in range(channels)), 0) for h in range(hidden)]
        for c in range(channels):
            expected[n, c] = 1 / (1 + torch.exp(-sum(excite[c, h] * units[h] for h in range(hidden))))
    return expected


@torch.no_grad()
def test_the_equation() -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3), torch.randn(3, 12, 4, 5)
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_the_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, init="identity"), torch.randn(3, 12, 4, 5)
    gate.expand.weight.normal_()
    torch.testing.assert_close(gate(u), 2 * reference(gate, u), atol=2e-6, rtol=0)


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "hidden"),
    [
        pytest.param(64, 16, 1, 4, id="C / r"),
        pytest.param(16, 16, 1, 1, id="one unit is enough"),
        pytest.param(96, 64, 1, 1, id="rounded down"),
        pytest.param(64, 1, 1, 64, id="no reduction"),
        pytest.param(16, 16, 8, 8, id="not fewer than the least"),
        pytest.param(256, 16, 8, 16, id="more than the least"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, hidden: int) -> None:
    gate = SE(channels, ratio=ratio, min_hidden=min_hidden)
    assert gate.reduce.out_features == hidden
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * channels * hidden
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * channels * hidden)
