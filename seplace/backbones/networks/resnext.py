"""ResNeXt in torch (Xie et al., 2017, arXiv:1611.05431): residual networks of grouped bottlenecks."""

from __future__ import annotations

from seplace.backbones.networks.resnet import Bottleneck, ImageNetStem, ResidualNetwork


class GroupedBottleneck(Bottleneck):
    """1x1, grouped 3x3 and 1x1 convolutions with the stride in the 3x3 ("v1.5"); 2w output channels.

    For C input channels, width w and 32 groups: Cw + 9w²/32 + 2w² weights of convolutions, and as many MACs for each
    position of their output maps.
    """

    expansion = 2
    groups = 32


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
