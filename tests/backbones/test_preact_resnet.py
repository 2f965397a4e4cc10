import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.backbones.networks.preact_resnet import (
    PaddedPreActivationBlock,
    PreActivationBlock,
    PreActivationBottleneck,
    ProjectedPreActivationBlock,
)
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.networks import network_of, shaped_network_of

IMAGES = torch.zeros(1, 3, 32, 32)


@pytest.mark.parametrize(("name", "convolutions"), [("preact_resnet110", 2), ("preact_resnet164", 3)])
def test_the_depth_counts_convolutions_and_the_classifier(name: str, convolutions: int) -> None:
    stages = describe(name).stages
    assert [len(stage.sites) for stage in stages] == [18, 18, 18]
    assert name == f"preact_resnet{1 + convolutions * 54 + 1}"


def test_resnet110_by_hand() -> None:
    parameters, multiply_adds, entering = 27 * 16, 27 * 16 * 32**2, 16
    for stage in range(3):
        side, width = 32 // 2**stage, 16 * 2**stage
        weights = 9 * entering * width + 35 * 9 * width**2
        norms = entering + 35 * width
        parameters += weights + 2 * norms
        multiply_adds += side**2 * weights
        entering = width
    network = shaped_network_of("preact_resnet110")
    assert params(network, IMAGES) == parameters + 2 * 64 + 64 * 10 + 10
    assert macs(network, IMAGES) == multiply_adds + 64 * 10


def test_resnet164_has_the_parameters_of_other_code() -> None:
    assert params(shaped_network_of("preact_resnet164"), IMAGES) == 1_703_258


def test_multiply_adds_of_resnet164_by_hand() -> None:
    """Every convolution of a block works at the resolution that leaves it: the first 1x1 strides."""
    expected, entering = 27 * 16 * 32**2, 16
    for stage in range(3):
        side, width = 32 // 2**stage, 16 * 2**stage
        first = entering * width + 9 * width**2 + 4 * width**2 + 4 * entering * width
        expected += side**2 * (first + 17 * 17 * width**2)
        entering = 4 * width
    assert macs(shaped_network_of("preact_resnet164"), IMAGES) == expected + 256 * 10


@pytest.mark.parametrize(
    ("name", "sharing"),
    [
        pytest.param("preact_resnet110", {"stages.0.0"}, id="after the stem alone"),
        pytest.param("preact_resnet164", {"stages.0.0", "stages.1.0", "stages.2.0"}, id="where a block projects"),
        pytest.param("wrn16_8", {"stages.0.0", "stages.1.0", "stages.2.0"}, id="where a wide block projects"),
    ],
)
def test_which_blocks_share_their_activation(name: str, sharing: set[str]) -> None:
    network = shaped_network_of(name)
    paths = {site.path for stage in describe(name).stages for site in stage.sites}
    for path in paths:
        block = network.get_submodule(path)
        assert [name for name, _ in block.entry.named_children()] == ["norm1", "relu1"] * (path in sharing)
        assert hasattr(block.residual, "norm1") == (path not in sharing)
        assert len(block.activation) == 0, "nothing follows the addition"


def with_statistics(network: nn.Module) -> nn.Module:
    """Give every norm statistics and weights that are not those of the start, in eval mode and double precision."""
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return network.eval().double()


def activated(x: Tensor, norm: nn.Module) -> Tensor:
    mean, variance, weight, bias = (
        values.view(1, -1, 1, 1) for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return ((x - mean) / (variance + norm.eps).sqrt() * weight + bias).clamp(min=0)


class Opposite(nn.Module):
    """A module in place of an attention, which a norm and a ReLU do not commute with."""

    def forward(self, u: Tensor) -> Tensor:
        return -u


def residual_of(block: PreActivationBlock, x: Tensor, *, stride: int) -> Tensor:
    """What follows the first norm and ReLU of F, by hand."""
    layers = block.residual
    if isinstance(block, PreActivationBottleneck):
        x = F.conv2d(x, layers.conv1.weight, stride=stride)
        x = F.conv2d(activated(x, layers.norm2), layers.conv2.weight, padding=1)
        return F.conv2d(activated(x, layers.norm3), layers.conv3.weight)
    x = F.conv2d(x, layers.conv1.weight, stride=stride, padding=1)
    return F.conv2d(activated(x, layers.norm2), layers.conv2.weight, padding=1)


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "pre"])
@pytest.mark.parametrize(
    ("kind", "entering", "stride"),
    [
        (ProjectedPreActivationBlock, 4, 1),
        (ProjectedPreActivationBlock, 6, 1),
        (ProjectedPreActivationBlock, 4, 2),
        (PreActivationBottleneck, 16, 1),
        (PreActivationBottleneck, 4, 1),
        (PreActivationBottleneck, 16, 2),
    ],
)
def test_a_block_with_projections_by_hand(
    kind: type[PreActivationBlock], entering: int, stride: int, gated: bool
) -> None:
    block = with_statistics(kind(entering, 4, stride))
    changes_shape = stride != 1 or entering != block.out_channels
    if gated:
        block.put("entry", Opposite())
    sign = -1 if gated else 1
    x = torch.randn(2, entering, 6, 6, dtype=torch.float64)
    if changes_shape:
        e = activated(x, block.entry.norm1)
        expected = F.conv2d(e, block.shortcut.conv.weight, stride=stride) + residual_of(block, sign * e, stride=stride)
    else:
        expected = x + residual_of(block, activated(sign * x, block.residual.norm1), stride=1)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "pre"])
@pytest.mark.parametrize(("width", "stride"), [(4, 1), (6, 2)])
def test_a_block_with_a_padded_shortcut_by_hand(width: int, stride: int, gated: bool) -> None:
    block = with_statistics(PaddedPreActivationBlock(4, width, stride))
    if gated:
        block.put("entry", Opposite())
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    expected = residual_of(block, activated(-x if gated else x, block.residual.norm1), stride=stride)
    expected[:, :4] += x[:, :, ::stride, ::stride]
    torch.testing.assert_close(block(x), expected)


def test_the_first_block_of_resnet110_adds_to_the_activated_stem() -> None:
    network = with_statistics(network_of("preact_resnet110[width=0.25]"))
    block = network.stages[0][0]
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    e = activated(x, block.entry.norm1)
    torch.testing.assert_close(block(x), e + residual_of(block, e, stride=1))


def test_a_norm_and_a_relu_follow_the_last_block() -> None:
    network = with_statistics(network_of("preact_resnet164[width=0.125]"))
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    maps = network.stages(F.conv2d(images, network.stem.conv.weight, padding=1))
    pooled = activated(maps, network.head.norm).mean((2, 3))
    torch.testing.assert_close(network(images), network.classifier(pooled))


@pytest.mark.parametrize(("name", "channels"), [("preact_resnet110", [2, 4, 8]), ("preact_resnet164", [8, 16, 32])])
def test_narrow_networks_train(name: str, channels: list[int]) -> None:
    text = f"{name}[width=0.125]"
    assert [stage.channels for stage in describe(text).stages] == channels
    network = network_of(text)
    logits = network(torch.randn(2, 3, 8, 8))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
