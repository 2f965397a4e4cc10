"""What every cost must do, whatever it measures."""

from __future__ import annotations

import functools
import math

import torch
from torch import nn

from seplace.costs import cost_named
from seplace.models import create_model, without_weights
from seplace.testing.expectations import expect

_PLACEMENTS = ("none-none-none", "se4-se4-se4", "cbam4.pre-cbam4.pre-cbam4.pre", "eca.cross-eca.cross-eca.cross")


def has_a_unit(name: str) -> None:
    """Check that the entry is a `Cost` with a unit; raises InputError where it is something else."""
    expect(cost_named(name).unit, f"cost {name} has no unit")


def is_a_number_above_zero(name: str) -> None:
    """Check that networks cost a finite number above 0: an int where `is_count` holds, and a float otherwise."""
    cost = cost_named(name)
    for placement in _PLACEMENTS:
        value = cost.measure(_network(placement), _images())
        expect(math.isfinite(value) and value > 0, f"cost {name} of {placement} is {value!r}")
        wanted = int if cost.is_count else float
        expect(type(value) is wanted, f"cost {name} is a {type(value).__name__}, wanted: {wanted.__name__}")


def counts_shapes_alone(name: str) -> None:
    """Check that a count depends on no weight and no pixel."""
    cost = cost_named(name)
    if not cost.is_count:
        return
    with without_weights():
        other = create_model("cifar_resnet8", _PLACEMENTS[2], seed=1)
    networks = (_network(_PLACEMENTS[2]), other.to_empty(device="cpu").eval())
    counts = {cost.measure(network, images) for network in networks for images in (_images(), _images() + 1)}
    expect(len(counts) == 1, f"cost {name} depends on weights or pixels: {sorted(counts)}")


def leaves_the_network(name: str) -> None:
    """Check that measuring changes neither the mode of a network nor a weight."""
    network = create_model("cifar_resnet8", _PLACEMENTS[1]).eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    cost_named(name).measure(network, _images())
    expect(not any(module.training for module in network.modules()), f"cost {name} leaves the network in training mode")
    is_same = all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    expect(is_same, f"cost {name} changes a weight of the network")


CHECKS = (has_a_unit, is_a_number_above_zero, counts_shapes_alone, leaves_the_network)


@functools.cache
def _network(placement: str) -> nn.Module:
    return create_model("cifar_resnet8", placement).eval()


def _images() -> torch.Tensor:
    return torch.zeros(1, 3, 16, 16)
