"""SENet-154 in torch (Hu et al., 2018, arXiv:1709.01507): a ResNeXt-152 64x4d with four changes, and without gates."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from seplace.backbones.networks.block import ResidualBlock
from seplace.backbones.networks.resnet import ResidualNetwork, shortcut_of


class WideProjectedShortcut(nn.Sequential):
    """A 3x3 convolution where it has a stride, else a 1x1, and a batch norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        kernel = 1 if stride == 1 else 3
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False),
                norm=nn.BatchNorm2d(out_channels),
            )
        )


class HalvedBottleneck(ResidualBlock):
    """A 1x1 convolution to w/2 channels, a 3x3 in 64 groups with the stride to w, and a 1x1 to w.

    For C input channels: Cw/2 + 9w²/128 + w² weights of convolutions without the shortcut's.
    """

    groups = 64

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        half = width // 2
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, half, 1, bias=False),
                norm1=nn.BatchNorm2d(half),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(half, width, 3, stride=stride, padding=1, groups=self.groups, bias=False),
                norm2=nn.BatchNorm2d(width),
                relu2=nn.ReLU(inplace=True),
                conv3=nn.Conv2d(width, width, 1, bias=False),
                norm3=nn.BatchNorm2d(width),
            )
        )
        shortcut = shortcut_of(WideProjectedShortcut, in_channels, width, stride)
        activation = nn.Sequential(nn.ReLU(inplace=True))
        super().__init__(in_channels, width, residual, shortcut, activation, inner="relu2", inner_channels=width)


class ThreeConvolutionStem(nn.Sequential):
    """Three 3x3 convolutions, the first strided, and a strided pooling: a quarter of the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        half = max(1, out_channels // 2)
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, half, 3, stride=2, padding=1, bias=False),
                norm1=nn.BatchNorm2d(half),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(half, half, 3, padding=1, bias=False),
                norm2=nn.BatchNorm2d(half),
                relu2=nn.ReLU(inplace=True),
                conv3=nn.Conv2d(half, out_channels, 3, padding=1, bias=False),
                norm3=nn.BatchNorm2d(out_channels),
                relu3=nn.ReLU(inplace=True),
                pool=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            )
        )


class SENet154(ResidualNetwork):
    """The network of halved bottlenecks, with dropout before its classifier."""

    stem_type = ThreeConvolutionStem
    block_type = HalvedBottleneck

    def __init__(
        self, *, stem_channels: int, widths: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int
    ) -> None:
        super().__init__(
            stem_channels=stem_channels, widths=widths, blocks=blocks, num_classes=num_classes, in_channels=in_channels
        )
        self.dropout = nn.Dropout(0.2)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        pooled = self.head(self.stages(self.stem(images))).mean((2, 3))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits
