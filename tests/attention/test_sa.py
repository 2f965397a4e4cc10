import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.sa import ShuffleAttention


def reference(gate: ShuffleAttention, u: Tensor) -> Tensor:
    """σ(w₁ mean + b₁), then σ(w₂ (γ û + β) + b₂), one channel of each group after the other."""
    images, channels, height, width = u.shape
    size = channels // gate.groups
    expected = torch.empty_like(u)
    for n in range(images):
        for c in range(channels):
            place, pixels = c % size, u[n, c]
            mean = pixels.sum() / (height * width)
            if place < size // 2:
                score = (gate.channel_weight[place] * mean + gate.channel_bias[place]).expand(height, width)
            else:
                at = place - size // 2
                deviation = pixels - mean
                scaled = deviation / (deviation.square().sum() / (height * width) + 1e-5).sqrt()
                affine = gate.norm_weight[at] * scaled + gate.norm_bias[at]
                score = gate.spatial_weight[at] * affine + gate.spatial_bias[at]
            expected[n, c] = 1 / (1 + torch.exp(-score))
    return expected


def drawn(channels: int, *, init: str = "paper") -> ShuffleAttention:
    torch.manual_seed(0)
    gate = ShuffleAttention(channels, init=init)
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.normal_()
    return gate


@torch.no_grad()
@pytest.mark.parametrize(
    ("channels", "groups"),
    [(256, 64), (128, 64), (96, 16), (24, 4), (7, 1)],
    ids=["four a group", "two a group", "six a group", "narrow", "odd"],
)
def test_the_equation(channels: int, groups: int) -> None:
    gate, u = drawn(channels), torch.randn(2, channels, 4, 5)
    assert gate.groups == groups
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)
    torch.testing.assert_close(drawn(channels, init="identity")(u), 2 * reference(gate, u), atol=2e-6, rtol=0)


@torch.no_grad()
def test_the_papers_shuffle_only_renames_channels() -> None:
    """With it, a block between 1x1 convolutions is the block without it, of convolutions with permuted channels."""
    gate = drawn(16)
    expand, reduce = nn.Conv2d(8, 16, 1), nn.Conv2d(16, 8, 1)
    shuffle = torch.arange(16).reshape(2, 8).t().flatten()  # channel 2c + j is channel 8j + c before
    x = torch.randn(2, 8, 4, 5)
    u = expand(x)
    shuffled = reduce((u * reference(gate, u))[:, shuffle])
    reduce.weight.copy_(reduce.weight[:, shuffle.argsort()].clone())
    torch.testing.assert_close(reduce(u * gate(u)), shuffled, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("channels", "parameters"), [(256, 3 * 4), (2048, 3 * 32), (24, 3 * 6), (7, 2 * 3 + 4 * 4)])
def test_parameters_and_macs(channels: int, parameters: int) -> None:
    gate = ShuffleAttention(channels).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 0
