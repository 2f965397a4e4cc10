import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.backbones.networks.densenet import DenseBlock
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.networks import network_of, shaped_network_of

IMAGES = torch.zeros(1, 3, 32, 32)


def test_parameters_are_those_of_other_code() -> None:
    assert params(shaped_network_of("densenet_bc100_12"), IMAGES) == 769_162


def test_multiply_adds_by_hand() -> None:
    expected, channels = 27 * 24 * 32**2, 24
    for stage in range(3):
        side = 32 // 2**stage
        for _ in range(16):
            expected += side**2 * (channels * 48 + 9 * 48 * 12)
            channels += 12
        if stage < 2:
            expected += side**2 * channels * (channels // 2)
            channels //= 2
    assert macs(shaped_network_of("densenet_bc100_12"), IMAGES) == expected + channels * 10


def test_a_stage_is_a_dense_block() -> None:
    stages = describe("densenet_bc100_12").stages
    assert [stage.in_channels for stage in stages] == [24, 108, 150]
    assert [stage.channels for stage in stages] == [216, 300, 342]
    for stage, channels in zip(stages, [216, 300, 342], strict=True):
        assert stage.widths == {"serial": channels, "parallel": channels}


def test_the_depth_counts_convolutions_and_the_classifier() -> None:
    network = shaped_network_of("densenet_bc100_12")
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == 100


def activated(x: Tensor, norm: nn.Module) -> Tensor:
    return F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))


def test_a_block_by_hand() -> None:
    block = DenseBlock(5, 3, 4).eval().double()
    for norm in (module for module in block.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    maps = [x]
    for number in range(1, 5):
        layers = block.residual.get_submodule(f"layer{number}.residual")
        made = F.conv2d(activated(torch.cat(maps, 1), layers.norm1), layers.conv1.weight)
        assert made.shape[1] == 12
        maps.append(F.conv2d(activated(made, layers.norm2), layers.conv2.weight, padding=1))
    torch.testing.assert_close(block(x), torch.cat(maps, 1))
    assert block.out_channels == 5 + 4 * 3


def test_what_stands_between_and_after_the_blocks() -> None:
    network = network_of("densenet_bc100_12[width=0.25]").eval().double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    x = network.stages[0](F.conv2d(images, network.stem.conv.weight, padding=1))
    for transition, stage in zip(network.transitions[1:], network.stages[1:], strict=True):
        x = stage(F.avg_pool2d(F.conv2d(activated(x, transition.norm), transition.conv.weight), 2))
    assert x.shape[2:] == (2, 2)
    torch.testing.assert_close(network(images), network.classifier(activated(x, network.head.norm).mean((2, 3))))


def test_a_gate_weighs_all_maps_of_a_block() -> None:
    network = network_of("densenet_bc100_12[width=0.25]", "none-se4-none")
    gate = network.stages[1][0].residual.attention.gate
    plain = network_of("densenet_bc100_12[width=0.25]")
    x = torch.randn(2, describe("densenet_bc100_12[width=0.25]").stages[1].in_channels, 4, 4)
    u = plain.stages[1][0](x)
    torch.testing.assert_close(network.stages[1][0](x), u * gate(u))


@pytest.mark.parametrize(
    ("width", "entering", "leaving"),
    [
        pytest.param("0.125", [4, 18, 25], [36, 50, 57], id="a growth of 2"),
        pytest.param("0.01", [2, 9, 12], [18, 25, 28], id="a growth of at least 1"),
        pytest.param("2", [48, 216, 300], [432, 600, 684], id="a growth of 24"),
    ],
)
def test_a_width_scales_the_growth(width: str, entering: list[int], leaving: list[int]) -> None:
    text = f"densenet_bc100_12[width={width}]"
    stages = describe(text).stages
    assert [stage.in_channels for stage in stages] == entering
    assert [stage.channels for stage in stages] == leaving
    assert shaped_network_of(text)(IMAGES).shape == (1, 10)


def test_narrow_networks_train() -> None:
    network = network_of("densenet_bc100_12[width=0.125]")
    logits = network(torch.randn(2, 3, 8, 8))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
