"""MobileNetV1 in torch: depthwise separable convolutions (Howard et al., 2017)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from seplace.backbones.networks.block import Block
from seplace.backbones.networks.init import draw_convolutions


class DepthwiseSeparable(Block):
    """A 3x3 convolution of each channel alone and a 1x1 convolution; the inner gate stands between them."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, bias=False),
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(in_channels, out_channels, 1, bias=False),
                norm2=nn.BatchNorm2d(out_channels),
                relu2=nn.ReLU(inplace=True),
            )
        )
        super().__init__(in_channels, out_channels, residual, inner="relu1", inner_channels=in_channels)


class MobileNetV1(nn.Module):
    """A strided stem, stages of blocks (each after the first halves the map), mean pooling, a linear classifier."""

    def __init__(
        self, *, stem: int, channels: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False),
                norm=nn.BatchNorm2d(stem),
                relu=nn.ReLU(inplace=True),
            )
        )
        before = stem
        after = iter(channels)
        stages = []
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(DepthwiseSeparable(before, next(after), stride))
                before = layers[-1].out_channels
            stages.append(nn.Sequential(*layers))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(before, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(images)).mean((2, 3)))
        return logits
