"""A dilated kernel beside the block's 3x3 convolution, for SK attention (Li et al., 2019, arXiv:1903.06586)."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from seplace.attachments.block import BlockWithSlots, MakeAttention

_GROUPS = 32


class Kernel(nn.Module):
    """V = a ⊙ A(x) + b ⊙ B(x): A is the block's own convolution, B a grouped 3x3 one with dilation 2.

    B has 9C·C_in/G parameters, G = gcd(32, C, C_in), and its norm 2C.
    """

    def __init__(self, own: nn.Sequential, dilated: nn.Sequential, gate: nn.Module) -> None:
        super().__init__()
        self.own = own
        self.dilated = dilated
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """Mix two maps of shape (N, C, H, W)."""
        own, dilated = self.own(x), self.dilated(x)
        weights: Tensor = self.gate(own + dilated)
        mixed: Tensor = own * weights[:, 0] + dilated * weights[:, 1]
        return mixed

    @classmethod
    def attach(cls, block: BlockWithSlots, make: MakeAttention) -> None:
        """Replace the 3x3 convolution of `block` with its norm and non-linearity by this module."""
        gate = make(block.inner_channels).gate
        block.replace_inner(lambda own: cls(own, dilated_like(own), gate))


def dilated_like(own: nn.Sequential) -> nn.Sequential:
    """Return the dilated counterpart of a convolution with its norm and non-linearity."""
    conv = next(layer for layer in own if isinstance(layer, nn.Conv2d))
    dilated = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        3,
        stride=conv.stride[0],
        padding=2,
        dilation=2,
        groups=math.gcd(_GROUPS, conv.in_channels, conv.out_channels),
        bias=False,
    )
    nn.init.kaiming_normal_(dilated.weight, mode="fan_out", nonlinearity="relu")
    norm = nn.BatchNorm2d(conv.out_channels)
    return nn.Sequential(OrderedDict(conv=dilated, norm=norm, relu=nn.ReLU(inplace=True)))
