"""A block with its plain twin, and a gate that can be followed by hand."""

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seplace.backbones.networks.block import Block
from seplace.testing.attachments import BLOCKS, Place, attached, gate_of, warmed_up

each_block = pytest.mark.parametrize("place", BLOCKS, ids=str)


def chain_block() -> nn.Module:
    """A block without a shortcut, in eval mode."""
    torch.manual_seed(0)
    layers = OrderedDict(conv=nn.Conv2d(5, 8, 3, padding=1), norm=nn.BatchNorm2d(8), relu=nn.ReLU())
    return Block(5, 8, nn.Sequential(layers), inner="relu", inner_channels=8).eval()


def check_equation(
    name: str,
    place: Place,
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
