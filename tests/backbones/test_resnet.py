import pytest
import torch

from seplace.backbones.describe import describe
from tests.networks import network_of, shaped_network_of


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [("resnet18", 2), ("resnet34", 2), ("resnet50", 3), ("resnet101", 3), ("resnet152", 3)],
)
def test_the_depth_counts_convolutions_and_the_classifier(name: str, convolutions: int) -> None:
    depth = 1 + sum(convolutions * len(stage.sites) for stage in describe(name).stages) + 1
    assert name == f"resnet{depth}"


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        pytest.param("resnet50", (1, 2, 1), id="v1.5 strides in the 3x3"),
        pytest.param("resnet50_v1", (2, 1, 1), id="v1 strides in the first 1x1"),
    ],
)
def test_where_a_bottleneck_strides(name: str, strides: tuple[int, int, int]) -> None:
    network = shaped_network_of(name)
    for stage, blocks in enumerate(network.stages):
        for number, block in enumerate(blocks):
            expected = strides if stage > 0 and number == 0 else (1, 1, 1)
            convolutions = (block.residual.conv1, block.residual.conv2, block.residual.conv3)
            assert tuple(convolution.stride[0] for convolution in convolutions) == expected


@pytest.mark.parametrize("name", ["resnet50", "resnet50_v1", "resnet101", "resnet152"])
def test_narrow_bottlenecks_train(name: str) -> None:
    network = network_of(f"{name}[width=0.0625]")
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
