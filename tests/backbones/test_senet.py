import operator

import pytest
import torch

from seplace.backbones.describe import describe
from tests.networks import network_of, weightless_network_of

BLOCKS, WIDTHS = (3, 8, 36, 3), (256, 512, 1024, 2048)


def test_the_depth_counts_convolutions_and_the_classifier() -> None:
    assert 3 * sum(len(stage.sites) for stage in describe("senet154").stages) + 3 + 1 == 154


def test_parameters_by_arithmetic_and_of_released_weights() -> None:
    count, entering = 9 * (3 * 64 + 64 * 64 + 64 * 128) + 2 * (64 + 64 + 128), 128
    for stage, (blocks, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True)):
        shortcut = entering * width * (9 if stage else 1) + 2 * width
        for _ in range(blocks):
            norms = 2 * (width // 2 + width + width)
            count += entering * width // 2 + 9 * width**2 // 128 + width**2 + norms + shortcut
            entering, shortcut = width, 0
    count += 2048 * 1000 + 1000
    assert sum(each.numel() for each in weightless_network_of("senet154").parameters()) == count
    gates = [2 * width * (width // 16) + width + width // 16 for width in WIDTHS]
    assert count + sum(map(operator.mul, BLOCKS, gates)) == 115_088_984


@pytest.mark.parametrize("init", ["paper", "identity"])
def test_a_narrow_network_trains(init: str) -> None:
    network = network_of("senet154[width=0.25]", "none-none-none-se[bias=yes]16", init=init, num_classes=5)
    logits = network(torch.randn(2, 3, 32, 32))
    logits.square().sum().backward()
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
    assert all(each.grad.isfinite().all() for each in network.parameters())
    assert [stage.widths["inner"] for stage in describe("senet154[width=0.3]").stages] == [128, 128, 256, 640]
