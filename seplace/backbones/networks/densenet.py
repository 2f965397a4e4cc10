"""Densely connected networks with bottlenecks and compression (Huang et al., 2017, arXiv:1608.06993) in torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seplace.backbones.networks.block import Block
from seplace.backbones.networks.init import draw_convolutions
from seplace.backbones.networks.preact_resnet import BareStem, NormAndActivation


class DenseLayer(nn.Module):
    """[x, F(x)], where F makes k new maps by a 1x1 convolution to 4k and a 3x3, each after its norm and ReLU.

    For C input channels: 4Ck + 36k² weights of convolutions, and as many MACs for each position of the map.
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv2d(in_channels, 4 * growth, 1, bias=False),
                norm2=nn.BatchNorm2d(4 * growth),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C + k, H, W)."""
        return torch.cat([x, self.residual(x)], 1)


class DenseBlock(Block):
    """Dense layers, one after another; the output is the input and all of their maps, concatenated."""

    def __init__(self, in_channels: int, growth: int, layers: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                (f"layer{number + 1}", DenseLayer(in_channels + number * growth, growth)) for number in range(layers)
            )
        )
        super().__init__(in_channels, in_channels + layers * growth, residual)


class DenseTransition(nn.Sequential):
    """A norm, a ReLU and a 1x1 convolution to fewer channels, then mean pooling: half of the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(in_channels),
                relu=nn.ReLU(inplace=True),
                conv=nn.Conv2d(in_channels, out_channels, 1, bias=False),
                pool=nn.AvgPool2d(2, stride=2),
            )
        )


class DenseNet(nn.Module):
    """A 3x3 convolution, dense blocks with transitions between them, mean pooling and a linear classifier.

    `entering` are the channels that enter each block: those of the stem, then those of the transitions.
    """

    def __init__(
        self, *, entering: Sequence[int], layers: Sequence[int], growth: int, num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        self.stem = BareStem(in_channels, entering[0])
        blocks = [DenseBlock(channels, growth, count) for channels, count in zip(entering, layers, strict=True)]
        self.stages = nn.ModuleList([nn.Sequential(block) for block in blocks])
        self.transitions = nn.ModuleList(
            [
                nn.Sequential(),
                *[
                    DenseTransition(block.out_channels, channels)
                    for block, channels in zip(blocks, entering[1:], strict=False)
                ],
            ]
        )
        channels = blocks[-1].out_channels
        self.head = NormAndActivation(channels)
        self.classifier = nn.Linear(channels, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = self.stem(images)
        for transition, stage in zip(self.transitions, self.stages):  # noqa: B905 (torch.jit.script takes no strict)
            x = stage(transition(x))
        logits: Tensor = self.classifier(self.head(x).mean((2, 3)))
        return logits
