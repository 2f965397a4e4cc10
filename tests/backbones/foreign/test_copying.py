import pytest
import torch
from torch import nn

from seplace.adoption import adopt
from seplace.backbones.foreign.copying import copy_of


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        with pytest.warns(FutureWarning):
            self.conv = nn.utils.weight_norm(nn.Conv2d(4, 4, 3, padding=1))
        self.kept: dict[str, list[torch.Tensor]] = {}

    def forward(self, images):
        images = images + self.conv(images).relu()
        self.kept["maps"] = [images]
        return images


def test_a_module_that_keeps_what_it_has_computed_is_copied():
    block, images = Normed(), torch.rand(2, 4, 5, 5)
    expected = block(images)
    twin = copy_of(block)
    assert torch.equal(twin(images), expected)
    twin(images).sum().backward()
    assert all(parameter.grad is None for parameter in block.parameters())
    assert all(parameter.grad is not None for parameter in twin.parameters())


def test_a_network_that_has_run_with_gradients_is_adopted():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), Normed(), Normed(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.rand(2, 1, 8, 8)
    network(images)
    expected = network.eval()(images)
    assert torch.equal(adopt(network, images).insert("se2").eval()(images), expected)
