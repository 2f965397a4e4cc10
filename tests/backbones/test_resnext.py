import pytest
import torch

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.marks import in_the_long_form
from tests.networks import network_of, shaped_network_of

NAMES = ["resnext50_32x4d", "resnext101_32x4d", "resnext50_32x4d_v1", "resnext101_32x4d_v1"]
IMAGES = torch.zeros(1, 3, 224, 224)


@pytest.mark.parametrize("name", NAMES)
def test_the_depth_counts_convolutions_and_the_classifier(name: str) -> None:
    depth = 1 + sum(3 * len(stage.sites) for stage in describe(name).stages) + 1
    assert name.startswith(f"resnext{depth}_")


@pytest.mark.parametrize("suffix", ["", "_v1"])
@pytest.mark.parametrize(("depth", "parameters"), [(50, 25_028_904), (101, 44_177_704)])
def test_parameters_are_those_of_released_weights(depth: int, suffix: str, parameters: int) -> None:
    assert params(shaped_network_of(f"resnext{depth}_32x4d{suffix}"), IMAGES) == parameters


@pytest.mark.parametrize(
    ("name", "placement", "millions", "billions"),
    [
        ("resnext50_32x4d_v1", "none", 25.03, 3.768),
        ("resnext50_32x4d_v1", "se[bias=yes]16", 27.56, 3.771),
        ("resnext50_32x4d_v1", "cbam16", 27.56, 3.774),
        in_the_long_form("resnext101_32x4d_v1", "none", 44.18, 7.508),
        in_the_long_form("resnext101_32x4d_v1", "se[bias=yes]16", 48.96, 7.512),
        in_the_long_form("resnext101_32x4d_v1", "cbam16", 48.96, 7.519),
    ],
)
def test_the_table_of_the_cbam_paper(name: str, placement: str, millions: float, billions: float) -> None:
    network = shaped_network_of(name, placement)
    assert round(params(network, IMAGES) / 1e6, 2) == millions
    assert round(macs(network, IMAGES) / 1e9, 3) == billions


def test_the_stride_in_the_3x3_costs_its_first_1x1_more() -> None:
    """In each of three stages the first 1x1 convolution sees a map of four times the size."""
    more = sum(
        3 * side**2 * entering * width for side, entering, width in [(28, 256, 256), (14, 512, 512), (7, 1024, 1024)]
    )
    strided = macs(shaped_network_of("resnext50_32x4d_v1"), IMAGES)
    assert macs(shaped_network_of("resnext50_32x4d"), IMAGES) == strided + more


def test_the_table_of_the_se_paper_counts_additions_too() -> None:
    additions = 3 * 256 * 56**2 + 4 * 512 * 28**2 + 6 * 1024 * 14**2 + 3 * 2048 * 7**2
    assert round((macs(shaped_network_of("resnext50_32x4d"), IMAGES) + additions) / 1e9, 2) == 4.24


@pytest.mark.parametrize(("suffix", "strides"), [("", (1, 2, 1)), ("_v1", (2, 1, 1))])
def test_where_a_bottleneck_strides_and_is_grouped(suffix: str, strides: tuple[int, int, int]) -> None:
    network = shaped_network_of(f"resnext50_32x4d{suffix}")
    for stage, blocks in enumerate(network.stages):
        for number, block in enumerate(blocks):
            convolutions = (block.residual.conv1, block.residual.conv2, block.residual.conv3)
            expected = strides if stage > 0 and number == 0 else (1, 1, 1)
            assert tuple(convolution.stride[0] for convolution in convolutions) == expected
            assert [convolution.groups for convolution in convolutions] == [1, 32, 1]
            assert [convolution.out_channels for convolution in convolutions] == [
                128 * 2**stage,
                128 * 2**stage,
                256 * 2**stage,
            ]


@pytest.mark.parametrize(
    ("width", "stem", "inner"),
    [
        pytest.param("0.125", 8, [32, 32, 64, 128], id="at least one channel a group"),
        pytest.param("0.6", 38, [64, 160, 320, 608], id="a multiple of the groups"),
        pytest.param("2", 128, [256, 512, 1024, 2048], id="wider"),
    ],
)
def test_a_width_leaves_whole_groups(width: str, stem: int, inner: list[int]) -> None:
    stages = describe(f"resnext50_32x4d[width={width}]").stages
    assert stages[0].in_channels == stem
    assert [stage.widths["inner"] for stage in stages] == inner
    assert [stage.channels for stage in stages] == [2 * channels for channels in inner]


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnext50_32x4d_v1"])
def test_narrow_networks_train(name: str) -> None:
    network = network_of(f"{name}[width=0.125]")
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
