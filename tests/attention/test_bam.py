import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.bam import BAM


def normalized(norm: nn.Module, scores: Tensor, *, training: bool) -> Tensor:
    """φ(BN(scores)) of scores (N, h, H, W)."""
    mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
    if training:
        values = scores.numel() / scores.shape[1]
        mean = scores.sum((0, 2, 3), keepdim=True) / values
        variance = (scores - mean).square().sum((0, 2, 3), keepdim=True) / values
    scaled = (scores - mean) / (variance + 1e-5).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    return scaled.clamp(min=0)


def dilated(conv: nn.Module, maps: Tensor) -> Tensor:
    """A 3x3 convolution that looks at every fourth pixel, zero beyond the map."""
    images, _, height, width = maps.shape
    padded = torch.zeros(images, maps.shape[1], height + 8, width + 8)
    padded[:, :, 4:-4, 4:-4] = maps
    score = torch.zeros(images, len(conv.weight), height, width) + conv.bias[:, None, None]
    for row in range(3):
        for column in range(3):
            window = padded[:, :, 4 * row : 4 * row + height, 4 * column : 4 * column + width]
            score += torch.einsum("oc,nchw->nohw", conv.weight[:, :, row, column], window)
    return score


def reference(gate: BAM, u: Tensor, *, training: bool) -> Tensor:
    """σ(M_c + M_s)."""
    channel, spatial = gate.channel, gate.spatial
    pooled = u.sum((2, 3)) / (u.shape[2] * u.shape[3])
    hidden = torch.einsum("hc,nc->nh", channel.reduce.weight, pooled) + channel.reduce.bias
    hidden = normalized(channel.norm, hidden[:, :, None, None], training=training)[:, :, 0, 0]
    channel_map = torch.einsum("ch,nh->nc", channel.expand.weight, hidden) + channel.expand.bias
    maps = torch.einsum("oc,ncij->noij", spatial.reduce.weight[:, :, 0, 0], u) + spatial.reduce.bias[:, None, None]
    maps = normalized(spatial.norm1, maps, training=training)
    maps = normalized(spatial.norm2, dilated(spatial.dilated1, maps), training=training)
    maps = normalized(spatial.norm3, dilated(spatial.dilated2, maps), training=training)
    spatial_map = torch.einsum("c,ncij->nij", spatial.score.weight[0, :, 0, 0], maps) + spatial.score.bias
    return 1 / (1 + torch.exp(-(channel_map[:, :, None, None] + spatial_map[:, None])))


def gate_of(init: str = "paper") -> BAM:
    """A gate with 4 hidden units of 12 channels, whose weights and statistics are arbitrary."""
    torch.manual_seed(0)
    gate = BAM(12, ratio=3, init=init)
    with torch.no_grad():
        for tensor in gate.parameters():
            tensor.normal_(std=0.4)
        for module in gate.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(9, 10), (3, 2), (1, 1)], ids=str)
@pytest.mark.parametrize(("init", "least"), [("paper", 1), ("identity", 0.5)])
def test_the_equation(training: bool, size: tuple[int, int], init: str, least: float) -> None:
    gate, u = gate_of(init), torch.randn(3, 12, *size)
    expected = least + reference(gate, u, training=training)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_the_identity_with_that_init(training: bool) -> None:
    u = torch.randn(2, 16, 5, 7)
    assert torch.equal(BAM(16, ratio=4, init="identity").train(training)(u), torch.ones(2, 16, 5, 7))


@pytest.mark.parametrize("size", [(1, 1), (8, 9)], ids=str)
def test_one_image_is_refused_in_training_alone(size: tuple[int, int]) -> None:
    gate, u = gate_of(), torch.ones(1, 12, *size)
    with pytest.raises(ValueError, match="BAM's batch norm of pooled channels cannot train on one image"):
        gate.train()(u)
    assert gate.eval()(u).isfinite().all()


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "h"),
    [
        pytest.param(64, 16, 1, 4, id="C / r"),
        pytest.param(16, 16, 1, 1, id="one unit is enough"),
        pytest.param(16, 16, 8, 8, id="not fewer than the least"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, h: int) -> None:
    gate = BAM(channels, ratio=ratio, min_hidden=min_hidden).eval()
    channel_map = channels * h + h + 2 * h + h * channels + channels
    spatial_map = channels * h + 3 * h + 2 * (9 * h * h + 3 * h) + h + 1
    assert sum(parameter.numel() for parameter in gate.parameters()) == channel_map + spatial_map
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * channels * h + 6 * 5 * (channels * h + 18 * h * h + h))
