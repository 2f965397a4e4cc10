"""VGG networks in torch (Simonyan & Zisserman, 2015, arXiv:1409.1556): chains of 3x3 convolutions with batch norm."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from seplace.backbones.networks.block import Block


class VGGBlock(Block):
    """A 3x3 convolution with a bias, a norm and a ReLU: 9·C_in·C_out + C_out parameters, and 2·C_out of the norm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 3, padding=1),
                norm=nn.BatchNorm2d(out_channels),
                relu=nn.ReLU(inplace=True),
            )
        )
        super().__init__(in_channels, out_channels, residual)


class HiddenLayer(nn.Sequential):
    """A linear layer, a ReLU and dropout."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(
            OrderedDict(
                linear=nn.Linear(in_features, out_features),
                relu=nn.ReLU(inplace=True),
                dropout=nn.Dropout(0.5),
            )
        )


class VGG(nn.Module):
    """Stages of blocks with a max-pooling after each, adaptive pooling to 7x7, and three linear layers."""

    def __init__(
        self, *, widths: Sequence[int], blocks: Sequence[int], hidden: int, num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        channels = in_channels
        stages = []
        for width, count in zip(widths, blocks, strict=True):
            entering = (channels, *[width] * (count - 1))
            stages.append(nn.Sequential(*[VGGBlock(before, width) for before in entering]))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.transitions = nn.ModuleList([nn.Sequential(), *[nn.MaxPool2d(2, stride=2) for _ in stages[1:]]])
        self.head = nn.Sequential(OrderedDict(pool=nn.MaxPool2d(2, stride=2), mean=nn.AdaptiveAvgPool2d(7)))
        self.classifier = nn.Sequential(
            OrderedDict(
                hidden1=HiddenLayer(channels * 7 * 7, hidden),
                hidden2=HiddenLayer(hidden, hidden),
                linear=nn.Linear(hidden, num_classes),
            )
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.zeros_(module.get_parameter("bias"))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = images
        for transition, stage in zip(self.transitions, self.stages):  # noqa: B905 (torch.jit.script takes no strict)
            x = stage(transition(x))
        logits: Tensor = self.classifier(self.head(x).flatten(1))
        return logits
