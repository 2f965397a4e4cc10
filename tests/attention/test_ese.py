import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.ese import ESE


def reference(gate: ESE, u: Tensor) -> Tensor:
    """min(max(W avgpool(u) + b + 3, 0), 6) / 6, with one channel after the other."""
    weight, bias = gate.excite.weight, gate.excite.bias
    images, channels, height, width = u.shape
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        pooled = [u[n, c].sum() / (height * width) for c in range(channels)]
        for c in range(channels):
            score = sum(weight[c, other] * pooled[other] for other in range(channels)) + bias[c]
            expected[n, c] = min(max(score + 3, 0), 6) / 6
    return expected


@torch.no_grad()
@pytest.mark.parametrize("scale", [1, 100], ids=["between the bends", "beyond both bends"])
def test_the_equation(scale: float) -> None:
    torch.manual_seed(0)
    gate, u = ESE(12), scale * torch.randn(3, 12, 4, 5)
    expected = reference(gate, u)
    assert (scale == 1) == bool(((expected > 0) & (expected < 1)).all())
    torch.testing.assert_close(gate(u), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_the_hard_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = ESE(12, init="identity"), torch.randn(3, 12, 4, 5)
    gate.excite.weight.normal_()
    gate.excite.bias.normal_()
    torch.testing.assert_close(gate(u), 2 * reference(gate, u), atol=2e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 16, 96])
def test_parameters_and_macs(channels: int) -> None:
    gate = ESE(channels)
    assert sum(parameter.numel() for parameter in gate.parameters()) == channels**2 + channels
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * channels**2
