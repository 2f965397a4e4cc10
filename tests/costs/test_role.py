"""What every cost must do, whatever it measures."""

import math

import pytest
import torch

from seplace.costs import COSTS
from seplace.costs.cost import Cost
from tests.networks import network_of, shaped_network_of

each_cost = pytest.mark.parametrize("name", COSTS)
each_count = pytest.mark.parametrize("name", [name for name in COSTS if COSTS[name].is_count])
IMAGES = torch.zeros(1, 3, 16, 16)


@each_cost
def test_a_cost_has_a_unit(name: str) -> None:
    assert isinstance(COSTS[name], Cost)
    assert COSTS[name].unit


@each_cost
@pytest.mark.parametrize("placement", ["none", "se4", "cbam4.pre", "eca.cross"])
def test_a_network_costs_something(name: str, placement: str) -> None:
    value = COSTS[name].measure(network_of("cifar_resnet8", placement).eval(), IMAGES)
    assert value > 0
    assert math.isfinite(value)
    assert type(value) is (int if COSTS[name].is_count else float)


@each_count
def test_a_count_depends_on_shapes_alone(name: str) -> None:
    counts = {
        COSTS[name].measure(network, images)
        for network in (network_of("cifar_resnet8", "cbam4").eval(), shaped_network_of("cifar_resnet8", "cbam4"))
        for images in (IMAGES, torch.ones_like(IMAGES))
    }
    assert len(counts) == 1


@each_count
def test_attention_adds_to_a_count(name: str) -> None:
    plain = COSTS[name].measure(shaped_network_of("cifar_resnet8"), IMAGES)
    for placement in ("se16", "cbam16", "eca"):
        assert COSTS[name].measure(shaped_network_of("cifar_resnet8", placement), IMAGES) > plain


@each_cost
def test_measuring_leaves_the_mode_alone(name: str) -> None:
    network = network_of("cifar_resnet8").eval()
    COSTS[name].measure(network, IMAGES)
    assert not any(module.training for module in network.modules())


def test_frozen_parameters_are_not_trainable() -> None:
    network = network_of("cifar_resnet8")
    classifier = sum(parameter.numel() for parameter in network.classifier.parameters())
    everything = COSTS["params"].measure(network, IMAGES)
    network.classifier.requires_grad_(requires_grad=False)
    assert everything - COSTS["params"].measure(network, IMAGES) == classifier == 64 * 10 + 10
