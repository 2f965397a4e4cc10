"""Residual networks in torch: stems, blocks, shortcuts, and the networks made of them.

One class serves plain, searched and exported networks, since attachments insert gates into the blocks of a plain one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.networks.block import ResidualBlock
from seplace.backbones.networks.init import draw_convolutions


class SubsampleAndPad(nn.Module):
    """Keep every stride-th pixel, and fill the additional channels with zeros."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.padding = (0, 0, 0, 0, 0, out_channels - in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding)


class PaddedShortcut(nn.Sequential):
    """Option A: subsample and pad; no parameters."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(SubsampleAndPad(in_channels, out_channels, stride))


class ProjectedShortcut(nn.Sequential):
    """Option B: a strided 1x1 convolution and a batch norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                norm=nn.BatchNorm2d(out_channels),
            )
        )


def shortcut_of(
    kind: Callable[[int, int, int], nn.Sequential], in_channels: int, out_channels: int, stride: int
) -> nn.Sequential:
    """Return a shortcut of a kind, or the identity where the shape does not change."""
    return kind(in_channels, out_channels, stride) if stride != 1 or in_channels != out_channels else nn.Sequential()


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (He et al., 2016, arXiv:1512.03385, figure 5 left)."""

    shortcut_type: Callable[[int, int, int], nn.Sequential]

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False),
                norm1=nn.BatchNorm2d(width),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(width, width, 3, padding=1, bias=False),
                norm2=nn.BatchNorm2d(width),
            )
        )
        shortcut = shortcut_of(self.shortcut_type, in_channels, width, stride)
        activation = nn.Sequential(nn.ReLU(inplace=True))
        super().__init__(in_channels, width, residual, shortcut, activation, inner="relu1", inner_channels=width)


class PaddedBasicBlock(BasicBlock):
    """A basic block whose shortcut pads (option A)."""

    shortcut_type = PaddedShortcut


class ProjectedBasicBlock(BasicBlock):
    """A basic block whose shortcut projects (option B)."""

    shortcut_type = ProjectedShortcut


class Bottleneck(ResidualBlock):
    """1x1, 3x3 and 1x1 convolutions with the stride in the 3x3 ("v1.5")."""

    strides_first = False
    expansion = 4
    groups = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        first, second = (stride, 1) if self.strides_first else (1, stride)
        channels = self.expansion * width
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


class BottleneckV1(Bottleneck):
    """A bottleneck with the stride in its first 1x1, as the ResNet, SE and CBAM papers have it."""

    strides_first = True


class CifarStem(nn.Sequential):
    """A 3x3 convolution at full resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
                norm=nn.BatchNorm2d(out_channels),
                relu=nn.ReLU(inplace=True),
            )
        )


class ImageNetStem(nn.Sequential):
    """A strided 7x7 convolution and a strided pooling: a quarter of the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False),
                norm=nn.BatchNorm2d(out_channels),
                relu=nn.ReLU(inplace=True),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )


class ResidualNetwork(nn.Module):
    """A stem, stages of blocks (each after the first halves the map), a head, mean pooling and a linear classifier."""

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
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.head(self.stages(self.stem(images))).mean((2, 3)))
        return logits


class CifarResNetA(ResidualNetwork):
    """The CIFAR network with padded shortcuts."""

    stem_type = CifarStem
    block_type = PaddedBasicBlock


class CifarResNetB(ResidualNetwork):
    """The CIFAR network with projected shortcuts."""

    stem_type = CifarStem
    block_type = ProjectedBasicBlock


class BasicResNet(ResidualNetwork):
    """The ImageNet network of basic blocks."""

    stem_type = ImageNetStem
    block_type = ProjectedBasicBlock


class BottleneckResNet(ResidualNetwork):
    """The ImageNet network of bottlenecks that stride in the 3x3 convolution."""

    stem_type = ImageNetStem
    block_type = Bottleneck


class BottleneckResNetV1(ResidualNetwork):
    """The ImageNet network of bottlenecks that stride in the first 1x1 convolution."""

    stem_type = ImageNetStem
    block_type = BottleneckV1
