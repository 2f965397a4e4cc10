import pytest
import torch

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.networks import network_of, shaped_network_of


@pytest.mark.parametrize(("name", "parameters"), [("wrn16_8", 10_961_370), ("wrn28_10", 36_479_194)])
def test_parameters_are_those_of_other_code(name: str, parameters: int) -> None:
    assert params(shaped_network_of(name), torch.zeros(1, 3, 32, 32)) == parameters


@pytest.mark.parametrize(("depth", "factor"), [(16, 8), (28, 10)])
def test_multiply_adds_by_hand(depth: int, factor: int) -> None:
    expected, entering = 27 * 16 * 32**2, 16
    for stage in range(3):
        side, width, others = 32 // 2**stage, 16 * factor * 2**stage, (depth - 4) // 6 - 1
        first = 9 * entering * width + 9 * width**2 + entering * width
        expected += side**2 * (first + others * 2 * 9 * width**2)
        entering = width
    assert macs(shaped_network_of(f"wrn{depth}_{factor}"), torch.zeros(1, 3, 32, 32)) == expected + 10 * entering


@pytest.mark.parametrize(("name", "depth", "factor"), [("wrn16_8", 16, 8), ("wrn28_10", 28, 10)])
def test_the_name_tells_depth_and_factor(name: str, depth: int, factor: int) -> None:
    stages = describe(name).stages
    # Beside the stem, the depth counts the three projections, as the paper does.
    assert 1 + sum(2 * len(stage.sites) for stage in stages) + 3 == depth
    assert [stage.channels for stage in stages] == [16 * factor, 32 * factor, 64 * factor]
    assert stages[0].in_channels == 16


@pytest.mark.parametrize(
    ("name", "placement", "millions", "billions"),
    [
        ("wide_resnet18_x1_5", "none", 25.88, 3.866),
        ("wide_resnet18_x1_5", "se16", 26.07, 3.867),
        ("wide_resnet18_x1_5", "cbam16", 26.08, 3.868),
        ("wide_resnet18_x2", "none", 45.62, 6.696),
        ("wide_resnet18_x2", "se16", 45.97, 6.696),
        ("wide_resnet18_x2", "cbam16", 45.97, 6.697),
    ],
)
def test_the_table_of_the_cbam_paper(name: str, placement: str, millions: float, billions: float) -> None:
    network, images = shaped_network_of(name, placement), torch.zeros(1, 3, 224, 224)
    assert round(params(network, images) / 1e6, 2) == millions
    assert round(macs(network, images) / 1e9, 3) == billions


@pytest.mark.parametrize(("name", "factor"), [("wide_resnet18_x1_5", 1.5), ("wide_resnet18_x2", 2)])
def test_the_stem_is_not_widened(name: str, factor: float) -> None:
    plain, wide = describe("resnet18"), describe(name)
    assert wide.stages[0].in_channels == plain.stages[0].in_channels == 64
    for stage, wider in zip(plain.stages, wide.stages, strict=True):
        assert wider.channels == factor * stage.channels
        assert len(wider.sites) == len(stage.sites)
    assert len(shaped_network_of(name).stages[0][0].shortcut) == 2, "the first block projects"


@pytest.mark.parametrize(
    ("text", "side", "entering", "channels"),
    [
        ("wrn16_8[width=0.125]", 4, 2, [16, 32, 64]),
        ("wrn28_10[width=0.01]", 4, 1, [2, 3, 6]),
        ("wide_resnet18_x1_5[width=0.125]", 32, 8, [12, 24, 48, 96]),
        ("wide_resnet18_x2[width=0.125]", 32, 8, [16, 32, 64, 128]),
    ],
)
def test_narrow_networks_train(text: str, side: int, entering: int, channels: list[int]) -> None:
    stages = describe(text).stages
    assert stages[0].in_channels == entering
    assert [stage.channels for stage in stages] == channels
    network = network_of(text)
    logits = network(torch.randn(2, 3, side, side))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
