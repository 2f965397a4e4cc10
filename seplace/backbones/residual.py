"""Residual networks in torch: stems, blocks that end in a join, shortcuts, and the networks made of them.

Every block computes φ(join(F(x), S(x))); the join of a plain network is the addition, and an attachment puts another in
its place. One class serves plain, searched and exported networks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Addition(nn.Module):
    """S + F: the join of a block without attention."""

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        return shortcut + residual


class PaddedShortcut(nn.Module):
    """Option A: keep every stride-th pixel and fill the further channels with zeros; no parameters."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.padding = (0, 0, 0, 0, 0, out_channels - in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding)


class ProjectedShortcut(nn.Sequential):
    """Option B: a strided 1x1 convolution and a batch norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                norm=nn.BatchNorm2d(out_channels),
            )
        )


class ResidualBlock(nn.Module):
    """φ(join(F(x), S(x))), where S is the identity when the shape does not change."""

    shortcut_type: type[nn.Module]

    def __init__(self, in_channels: int, out_channels: int, stride: int, residual: nn.Module) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.residual = residual
        changes_shape = stride != 1 or in_channels != out_channels
        self.shortcut = self.shortcut_type(in_channels, out_channels, stride) if changes_shape else nn.Identity()
        self.join: nn.Module = Addition()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        y: Tensor = self.relu(self.join(self.residual(x), self.shortcut(x)))
        return y


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (He et al., 2016, figure 5 left)."""

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
        super().__init__(in_channels, width, stride, residual)


class PaddedBasicBlock(BasicBlock):
    """A basic block whose shortcut pads (option A)."""

    shortcut_type = PaddedShortcut


class ProjectedBasicBlock(BasicBlock):
    """A basic block whose shortcut projects (option B)."""

    shortcut_type = ProjectedShortcut


class Bottleneck(ResidualBlock):
    """1x1, 3x3 and 1x1 convolutions with the stride in the 3x3 ("v1.5")."""

    shortcut_type = ProjectedShortcut
    strides_first = False

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        first, second = (stride, 1) if self.strides_first else (1, stride)
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, width, 1, stride=first, bias=False),
                norm1=nn.BatchNorm2d(width),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(width, width, 3, stride=second, padding=1, bias=False),
                norm2=nn.BatchNorm2d(width),
                relu2=nn.ReLU(inplace=True),
                conv3=nn.Conv2d(width, 4 * width, 1, bias=False),
                norm3=nn.BatchNorm2d(4 * width),
            )
        )
        super().__init__(in_channels, 4 * width, stride, residual)


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
    """A stem, stages of blocks (each stage after the first halves the map), mean pooling and a linear classifier."""

    stem_type: type[nn.Module]
    block_type: Callable[[int, int, int], ResidualBlock]

    def __init__(self, *, widths: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int) -> None:
        super().__init__()
        channels = widths[0]
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
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(images)).mean((2, 3)))
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
