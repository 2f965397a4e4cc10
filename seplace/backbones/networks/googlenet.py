"""GoogLeNet in torch (Szegedy et al., 2015, arXiv:1409.4842), with batch norms, as the released weights have it."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from seplace.backbones.googlenet import GOOGLENET_MODULES, GOOGLENET_STEM, ModuleShape
from seplace.backbones.inception import scaled_channels
from seplace.backbones.networks.block import Block
from seplace.backbones.networks.inception import POINT, SQUARE, Branches, UnbiasedConvolution, path
from seplace.backbones.networks.init import draw_convolutions


class GoogLeNetModule(Block):
    """Four paths: a 1x1 convolution, a 1x1 and a 3x3, a 1x1 and a k x k, and a pooling with a 1x1.

    With paths of p, (r3, c3), (rk, ck) and q channels for C input channels: C(p + r3 + rk + q) + 9 r3 c3 + k² rk ck
    weights of convolutions, and as many MACs for each position of the map.
    """

    def __init__(self, in_channels: int, shape: ModuleShape, kernel: int) -> None:
        pooled = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), path(UnbiasedConvolution, in_channels, shape.projection, (POINT,))
        )
        branches = [
            path(UnbiasedConvolution, in_channels, shape.pointwise, (POINT,)),
            path(UnbiasedConvolution, in_channels, shape.single, (POINT, SQUARE)),
            path(UnbiasedConvolution, in_channels, shape.wide, (POINT, (kernel, kernel))),
            pooled,
        ]
        super().__init__(in_channels, shape.out_channels, nn.Sequential(OrderedDict(branches=Branches(branches))))


class GoogLeNet(nn.Module):
    """A stem, nine modules in three stages with poolings between, mean pooling, dropout and a linear classifier."""

    def __init__(self, *, kernel: int, width: float, num_classes: int, in_channels: int) -> None:
        super().__init__()
        first, reduced, channels = scaled_channels(GOOGLENET_STEM, width)
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=UnbiasedConvolution(in_channels, first, (7, 7), stride=2),
                pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
                conv2=path(UnbiasedConvolution, first, (reduced, channels), (POINT, SQUARE)),
                pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            )
        )
        stages = []
        for shapes in GOOGLENET_MODULES:
            modules = []
            for shape in shapes:
                modules.append(GoogLeNetModule(channels, shape.scaled(width), kernel))
                channels = modules[-1].out_channels
            stages.append(nn.Sequential(*modules))
        self.transitions = nn.ModuleList(
            [
                nn.Sequential(),
                nn.MaxPool2d(3, stride=2, ceil_mode=True),
                nn.MaxPool2d(2, stride=2, ceil_mode=True),
            ]
        )
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(channels, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = self.stem(images)
        for transition, stage in zip(self.transitions, self.stages, strict=True):
            x = stage(transition(x))
        logits: Tensor = self.classifier(self.dropout(x.mean((2, 3))))
        return logits
