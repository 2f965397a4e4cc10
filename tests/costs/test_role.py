"""What every cost must do, whatever it measures."""

import pytest
import torch

from seplace.costs import COSTS
from seplace.testing import costs
from tests.networks import network_of, shaped_network_of

each_count = pytest.mark.parametrize("name", [name for name in COSTS if COSTS[name].is_count])
IMAGES = torch.zeros(1, 3, 16, 16)


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("check", costs.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, check) -> None:
    check(name)


@each_count
def test_attention_adds_to_a_count(name: str) -> None:
    plain = COSTS[name].measure(shaped_network_of("cifar_resnet8"), IMAGES)
    for placement in ("se16", "cbam16", "eca"):
        assert COSTS[name].measure(shaped_network_of("cifar_resnet8", placement), IMAGES) > plain


def test_frozen_parameters_are_not_trainable() -> None:
    network = network_of("cifar_resnet8")
    classifier = sum(parameter.numel() for parameter in network.classifier.parameters())
    everything = COSTS["params"].measure(network, IMAGES)
    network.classifier.requires_grad_(requires_grad=False)
    assert everything - COSTS["params"].measure(network, IMAGES) == classifier == 64 * 10 + 10
