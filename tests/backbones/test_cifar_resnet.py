import pytest
import torch

from seplace.backbones.describe import describe
from seplace.backbones.networks.resnet import PaddedShortcut
from tests.networks import network_of, shaped_network_of


@pytest.mark.parametrize("depth", [8, 14, 20, 32, 44, 56, 110])
def test_the_depth_counts_convolutions_and_the_classifier(depth: int) -> None:
    backbone = describe(f"cifar_resnet{depth}")
    assert 1 + sum(2 * len(stage.sites) for stage in backbone.stages) + 1 == depth
    assert [stage.channels for stage in backbone.stages] == [16, 32, 64]


def test_shortcut_a_keeps_every_second_pixel_and_pads_with_zeros() -> None:
    x = torch.randn(2, 3, 4, 6)
    y = PaddedShortcut(3, 5, 2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert torch.equal(y[:, 3:], torch.zeros(2, 2, 2, 3))


def test_shortcut_b_adds_two_projections() -> None:
    def parameters(text: str) -> int:
        return sum(parameter.numel() for parameter in shaped_network_of(text).parameters())

    projections = (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)
    assert parameters("cifar_resnet20[shortcut=B]") - parameters("cifar_resnet20") == projections


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_narrow_networks_run(shortcut: str) -> None:
    options = "width=0.1" if shortcut == "A" else "shortcut=B,width=0.1"
    network = network_of(f"cifar_resnet8[{options}]")
    assert [stage[0].out_channels for stage in network.stages] == [2, 3, 6]
    assert network(torch.randn(2, 3, 8, 8)).isfinite().all()
