"""A block with its plain twin, and a gate that can be followed by hand."""

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.backbones.networks.block import Block
from tests.networks import network_of

each_block = pytest.mark.parametrize(
    "place",  # a backbone, a stage and a block of it, counted from 0
    [
        pytest.param(("cifar_resnet8[width=0.5]", 0, 0), id="basic, identity shortcut"),
        pytest.param(("cifar_resnet8[width=0.5]", 1, 0), id="basic, padded shortcut"),
        pytest.param(("cifar_resnet8[shortcut=B,width=0.5]", 1, 0), id="basic, projected shortcut"),
        pytest.param(("resnet50[width=0.0625]", 0, 1), id="bottleneck, identity shortcut"),
        pytest.param(("resnet50[width=0.0625]", 1, 0), id="bottleneck, projected shortcut"),
        pytest.param(("resnet50_v1[width=0.0625]", 1, 0), id="bottleneck with its stride first"),
    ],
)


class ToyGate(nn.Module):
    """g(u) = scale ⊙ σ(avgpool(u)), of which it is seen whether it read u and how wide it was made."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 2, channels)[:, None, None])

    def forward(self, u: Tensor) -> Tensor:
        return self.scale * u.mean((2, 3), keepdim=True).sigmoid()


def warmed_up(place: tuple[str, int, int]) -> nn.Module:
    """A plain block in eval mode whose batch norms do something."""
    backbone, stage, number = place
    block = network_of(backbone).stages[stage][number]
    torch.manual_seed(0)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return block.eval()


def attached(name: str, block: nn.Module, make_gate: Callable[[int], nn.Module] = ToyGate) -> nn.Module:
    """A copy of a block with a gate attached."""
    copy = deepcopy(block)
    ATTACHMENTS[name].attach(copy, lambda channels: Scaled(make_gate(channels)))
    return copy.train(block.training)


def chain_block() -> nn.Module:
    """A block without a shortcut, in eval mode."""
    torch.manual_seed(0)
    layers = OrderedDict(conv=nn.Conv2d(5, 8, 3, padding=1), norm=nn.BatchNorm2d(8), relu=nn.ReLU())
    return Block(5, 8, nn.Sequential(layers), inner="relu", inner_channels=8).eval()


def gate_of(block: nn.Module) -> ToyGate:
    (gate,) = (module for module in block.modules() if isinstance(module, ToyGate))
    return gate


def check_equation(
    name: str,
    place: tuple[str, int, int],
    expected: Callable[[nn.Module, nn.Module, Tensor], Tensor],
) -> None:
    """Compare an attached block with `expected(plain block, gate, x)`."""
    plain = warmed_up(place)
    block = attached(name, plain)
    x = torch.randn(2, plain.in_channels, 6, 6)
    with torch.no_grad():
        y = block(x)
        torch.testing.assert_close(y, expected(plain, gate_of(block), x), atol=1e-6, rtol=0)
        assert not torch.allclose(y, plain(x))
