"""ResNeXt in torch (Xie et al., 2017): residual networks of grouped bottlenecks."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from seplace.backbones.block import ResidualBlock
from seplace.backbones.residual import ImageNetStem, ProjectedShortcut, ResidualNetwork, shortcut_of


class GroupedBottleneck(ResidualBlock):
    """1x1, grouped 3x3 and 1x1 convolutions with the stride in the 3x3 ("v1.5"); twice the width leaves the block.

    For C channels in, width w and 32 groups: Cw + 9w²/32 + 2w² weights of convolutions, and a MAC of each for every
    place of the map that it makes.
    """

    groups = 32
    strides_first = False

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        first, second = (stride, 1) if self.strides_first else (1, stride)
        channels = 2 * width
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, width, 1, stride=first, bias=False),
                norm1=nn.BatchNorm2d(width),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(width, width, 3, stride=second, padding=1, groups=self.groups, bias=False),
                norm2=nn.BatchNorm2d(width),
                relu2=nn.ReLU(inplace=True),
                conv3=nn.Conv2d(width, channels, 1, bias=False),
                norm3=nn.BatchNorm2d(channels),
            )
        )
        shortcut = shortcut_of(ProjectedShortcut, in_channels, channels, stride)
        activation = nn.Sequential(nn.ReLU(inplace=True))
        super().__init__(in_channels, channels, residual, shortcut, activation, inner="relu2", inner_channels=width)


class GroupedBottleneckV1(GroupedBottleneck):
    """A grouped bottleneck with the stride in its first 1x1, as the SE and CBAM papers have it."""

    strides_first = True


class ResNeXt(ResidualNetwork):
    """The network of grouped bottlenecks that stride in the 3x3 convolution."""

    stem_type = ImageNetStem
    block_type = GroupedBottleneck


class ResNeXtV1(ResidualNetwork):
    """The network of grouped bottlenecks that stride in the first 1x1 convolution."""

    stem_type = ImageNetStem
    block_type = GroupedBottleneckV1
