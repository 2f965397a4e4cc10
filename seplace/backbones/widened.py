"""Residual networks in torch whose blocks are wider than their stem.

ResNeXt (Xie et al., 2017), and wide ResNets of the ImageNet form (Zagoruyko & Komodakis, 2016; Woo et al., 2018).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from seplace.backbones.block import ResidualBlock
from seplace.backbones.residual import ImageNetStem, ProjectedBasicBlock, ProjectedShortcut, shortcut_of


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


class WidenedNetwork(nn.Module):
    """A stem of its own width, stages of blocks (each after the first halves the map), mean pooling, a classifier."""

    stem_type: type[nn.Module]
    block_type: Callable[[int, int, int], ResidualBlock]
    head_type: type[nn.Module] = nn.Identity

    def __init__(
        self, *, stem_channels: int, widths: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        channels = stem_channels
        self.stem = self.stem_type(in_channels, channels)
        stages = []
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(self.block_type(channels, width, stride))
                channels = layers[-1].out_channels
            stages.append(nn.Sequential(*layers))
        self.stages = nn.Sequential(*stages)
        self.head = self.head_type(channels)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.head(self.stages(self.stem(images))).mean((2, 3)))
        return logits


class WideBasicResNet(WidenedNetwork):
    """The ImageNet network of widened basic blocks."""

    stem_type = ImageNetStem
    block_type = ProjectedBasicBlock


class ResNeXt(WidenedNetwork):
    """The network of grouped bottlenecks that stride in the 3x3 convolution."""

    stem_type = ImageNetStem
    block_type = GroupedBottleneck


class ResNeXtV1(WidenedNetwork):
    """The network of grouped bottlenecks that stride in the first 1x1 convolution."""

    stem_type = ImageNetStem
    block_type = GroupedBottleneckV1
