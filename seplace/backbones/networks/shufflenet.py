"""ShuffleNet in torch (Zhang et al., 2018, arXiv:1707.01083): grouped 1x1 convolutions with shuffled channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seplace.backbones.networks.block import ResidualBlock
from seplace.backbones.networks.init import draw_convolutions


class ShuffledChannels(nn.Module):
    """A channel shuffle of g groups: channel i·C/g + j becomes channel j·g + i."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Permute the channels of a map of shape (N, C, H, W)."""
        batch, channels, height, width = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class Concatenation(nn.Module):
    """[S; F]: the join of a unit that halves its map."""

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join tensors of shape (N, C_F, H, W) and (N, C_S, H, W)."""
        return torch.cat([shortcut, residual], dim=1)


class ShuffleUnit(ResidualBlock):
    """A grouped 1x1, a depthwise 3x3 and a grouped 1x1 convolution, without a non-linearity after the depthwise one.

    The inner gate follows the batch norm of the depthwise convolution, on a quarter of the unit's channels. With stride
    2 the pooled input is concatenated instead of added, so F has fewer channels.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, groups: int, first_groups: int) -> None:
        bottleneck = out_channels // 4
        residual_channels = out_channels if stride == 1 else out_channels - in_channels
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, bottleneck, 1, groups=first_groups, bias=False),
                norm1=nn.BatchNorm2d(bottleneck),
                relu1=nn.ReLU(inplace=True),
                shuffle=ShuffledChannels(groups),
                conv2=nn.Conv2d(bottleneck, bottleneck, 3, stride=stride, padding=1, groups=bottleneck, bias=False),
                norm2=nn.BatchNorm2d(bottleneck),
                conv3=nn.Conv2d(bottleneck, residual_channels, 1, groups=groups, bias=False),
                norm3=nn.BatchNorm2d(residual_channels),
            )
        )
        shortcut = nn.Sequential() if stride == 1 else nn.Sequential(nn.AvgPool2d(3, stride=stride, padding=1))
        activation = nn.Sequential(nn.ReLU(inplace=True))
        super().__init__(
            in_channels, out_channels, residual, shortcut, activation, inner="norm2", inner_channels=bottleneck
        )
        self.residual_channels = residual_channels
        if stride != 1:
            self.join = Concatenation()


class ShuffleNet(nn.Module):
    """A stem at a quarter of the resolution, three stages that halve the map, and a linear classifier."""

    def __init__(
        self,
        *,
        stem: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        groups: int,
        num_classes: int,
        in_channels: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False),
                norm=nn.BatchNorm2d(stem),
                relu=nn.ReLU(inplace=True),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        channels, first_groups = stem, 1  # the stem has too few channels for groups
        stages = []
        for width, count in zip(widths, blocks, strict=True):
            units = []
            for number in range(count):
                stride = 2 if number == 0 else 1
                units.append(ShuffleUnit(channels, width, stride=stride, groups=groups, first_groups=first_groups))
                channels, first_groups = width, groups
            stages.append(nn.Sequential(*units))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(images)).mean((2, 3)))
        return logits
