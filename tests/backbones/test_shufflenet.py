import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.backbones.networks.shufflenet import ShuffledChannels
from seplace.costs.macs import macs
from seplace.costs.params import params
from seplace.errors import InputError
from tests.networks import network_of, shaped_network_of

IMAGES = torch.zeros(1, 3, 224, 224)

# Input and output channels, and the height of the output, of the first unit of a stage; how many units it has.
STAGES = [(24, 240, 28, 4), (240, 480, 14, 8), (480, 960, 7, 4)]


def parameters_by_hand() -> int:
    total = 3 * 9 * 24 + 2 * 24 + 960 * 1000 + 1000
    for entering, channels, _, count in STAGES:
        for number in range(count):
            before = entering if number == 0 else channels
            residual = channels - entering if number == 0 else channels
            quarter, groups = channels // 4, 1 if before == 24 else 3
            total += before * quarter // groups + 9 * quarter + quarter * residual // 3  # convolutions
            total += 2 * (quarter + quarter + residual)  # norms
    return total


def multiply_adds_by_hand() -> int:
    total = 3 * 9 * 24 * 112**2 + 960 * 1000
    for entering, channels, height, count in STAGES:
        for number in range(count):
            before = entering if number == 0 else channels
            residual = channels - entering if number == 0 else channels
            quarter, groups = channels // 4, 1 if before == 24 else 3
            first = 2 * height if number == 0 else height  # the depthwise convolution strides
            total += before * quarter // groups * first**2
            total += (9 * quarter + quarter * residual // 3) * height**2
    return total


def gated_maps() -> list[tuple[int, int]]:
    """The channels and the height of F of each unit."""
    return [
        (channels - entering if number == 0 else channels, height)
        for entering, channels, height, count in STAGES
        for number in range(count)
    ]


def test_parameters_and_multiply_adds_by_hand() -> None:
    network = shaped_network_of("shufflenet_g3")
    assert params(network, IMAGES) == parameters_by_hand()
    assert macs(network, IMAGES) == multiply_adds_by_hand()


@pytest.mark.long
def test_the_table_of_the_se_paper() -> None:
    plain, squeezed = (shaped_network_of("shufflenet_g3", placement) for placement in ("none", "se16"))
    layers = sum(2 * channels * (channels // 16) for channels, _ in gated_maps())
    scaling = sum(channels * height**2 for channels, height in gated_maps())
    assert params(squeezed, IMAGES) - params(plain, IMAGES) == layers
    assert macs(squeezed, IMAGES) - macs(plain, IMAGES) == layers
    # Its millions of parameters, 1.8 and 2.4, are cut off, and its 0.140 G has two digits that count.
    assert [params(network, IMAGES) // 100_000 for network in (plain, squeezed)] == [18, 24]
    assert round(macs(plain, IMAGES), -7) == 140_000_000
    assert round((layers + scaling) / 1e9, 3) == round(0.142 - 0.140, 3)


@pytest.mark.parametrize("groups", [2, 3])
def test_channels_are_dealt_out_to_the_groups(groups: int) -> None:
    order = {2: [0, 3, 1, 4, 2, 5], 3: [0, 2, 4, 1, 3, 5]}[groups]
    x = torch.randn(2, 6, 4, 5)
    assert torch.equal(ShuffledChannels(groups)(x), x[:, order])


def test_the_units_of_the_papers_table() -> None:
    backbone = describe("shufflenet_g3")
    network = shaped_network_of("shufflenet_g3")
    heights: list[int] = []
    for stage, blocks, (entering, channels, _, count) in zip(backbone.stages, network.stages, STAGES, strict=True):
        assert (stage.in_channels, stage.channels, len(blocks)) == (entering, channels, count)
        assert stage.sites[0].widths == {
            "serial": channels - entering,
            "pre": entering,
            "post": channels,
            "inner": channels // 4,
        }
        assert stage.sites[1].widths == {"serial": channels, "pre": channels, "post": channels, "inner": channels // 4}
        assert set(stage.widths) == {"serial", "pre", "post", "inner", "exit"}
        blocks.register_forward_hook(lambda _stage, _inputs, output: heights.append(output.shape[2]))
    network(IMAGES)
    assert heights == [28, 14, 7]
    groups = [block.residual.conv1.groups for blocks in network.stages for block in blocks]
    assert groups == [1] + [3] * 15, "the first 1x1 convolution of the network is not grouped"


def normed(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    scale = norm.weight / (norm.running_var + 1e-5).sqrt()
    return (x - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]


@torch.no_grad()
@pytest.mark.parametrize("number", [0, 1])
def test_a_unit_by_hand(number: int) -> None:
    unit = network_of("shufflenet_g3[width=0.05]").double().eval().stages[1][number]
    for norm in (module for module in unit.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    stride = 2 if number == 0 else 1
    assert (unit.in_channels, unit.out_channels) == ((12, 24) if number == 0 else (24, 24))
    x = torch.randn(2, unit.in_channels, 6, 6, dtype=torch.float64)
    layers = unit.residual
    y = normed(F.conv2d(x, layers.conv1.weight, groups=3), layers.norm1).clamp(min=0)
    y = y[:, [0, 2, 4, 1, 3, 5]]
    y = normed(F.conv2d(y, layers.conv2.weight, stride=stride, padding=1, groups=6), layers.norm2)
    y = normed(F.conv2d(y, layers.conv3.weight, groups=3), layers.norm3)
    expected = torch.cat([F.avg_pool2d(x, 3, stride=2, padding=1), y], dim=1) if number == 0 else x + y
    torch.testing.assert_close(unit(x), expected.clamp(min=0))


def test_the_inner_gate_follows_the_norm_of_the_depthwise_convolution() -> None:
    unit = shaped_network_of("shufflenet_g3", "se4.inner").stages[0][0]
    names = [name for name, _ in unit.residual.named_children()]
    assert names == ["conv1", "norm1", "relu1", "shuffle", "conv2", "norm2", "attention", "conv3", "norm3"]


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        # A stage is a multiple of 12, since a quarter of it is divided into three groups.
        pytest.param(0.001, [12, 24, 48], id="the narrowest"),
        pytest.param(0.1, [24, 48, 96], id="as exact as can be"),
        pytest.param(0.5, [120, 240, 480], id="half"),
        pytest.param(2, [480, 960, 1920], id="double"),
    ],
)
def test_a_width_leaves_channels_for_the_groups(width: float, channels: list[int]) -> None:
    text = f"shufflenet_g3[width={width:g}]"
    assert [stage.channels for stage in describe(text).stages] == channels
    with torch.device("meta"):
        assert network_of(text, num_classes=5).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def test_a_narrow_network_trains() -> None:
    network = network_of("shufflenet_g3[width=0.05]")
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_width_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="shufflenet_g3: width is a factor over 0 and at most 64, got 65"):
        describe("shufflenet_g3[width=65]")
