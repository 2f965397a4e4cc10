import pytest
import torch

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from seplace.errors import InputError
from tests.networks import network_of, shaped_network_of, weightless_network_of

IMAGES = torch.zeros(1, 3, 224, 224)
PAPER = [[128, 304], [74, 88, 100, 119, 170], [51, 71]]
"""Multiply-adds in 10⁶ of the modules 3a to 5b, as table 1 of the paper prints them, but for 4a (73) and 5a (54)."""


def test_parameters_and_macs_are_those_of_released_weights() -> None:
    network = shaped_network_of("googlenet")
    assert params(network, IMAGES) == 6_624_904
    assert round(macs(network, IMAGES) / 1e9, 3) == 1.498


def test_the_modules_of_the_paper() -> None:
    network = weightless_network_of("googlenet[kernel=5]")
    macs_of_modules = [
        [sum(each.numel() for each in module.parameters() if each.ndim == 4) * side**2 for module in stage]
        for stage, side in zip(network.stages, (28, 14, 7), strict=True)
    ]
    assert [[round(count / 1e6) for count in stage] for stage in macs_of_modules] == PAPER


def test_a_network_trains_and_takes_its_kernel() -> None:
    network = network_of("googlenet[kernel=5,width=0.25]", "se4-none-eca", num_classes=5)
    assert network.stages[0][0].residual.branches[2][1].conv.kernel_size == (5, 5)
    logits = network(torch.randn(2, 3, 33, 33))
    logits.square().sum().backward()
    assert logits.shape == (2, 5)
    assert all(each.grad.isfinite().all() for each in network.parameters())
    assert [stage.channels for stage in describe("googlenet").stages] == [480, 832, 1024]


def test_another_kernel_is_refused() -> None:
    with pytest.raises(InputError, match=r"googlenet: kernel, .*, is 3 or 5 \(got 7\)"):
        describe("googlenet[kernel=7]")
