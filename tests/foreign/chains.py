"""Networks without shortcuts: a chain of convolutions, and a chain of branches that are concatenated."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VGG(nn.Module):
    def __init__(self, num_classes: int = 5) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in (8, "pool", 12, 12, "pool", 16):
            if width == "pool":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(64, 24), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(24, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class BasicConv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, width, 1)
        self.branch2 = nn.Sequential(BasicConv2d(in_channels, width, 1), BasicConv2d(width, 2 * width, 3))
        self.branch3 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), BasicConv2d(in_channels, width, 1))

    def _forward(self, x: Tensor) -> list[Tensor]:
        return [self.branch1(x), self.branch2(x), self.branch3(x)]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self._forward(x), 1)


class GoogLeNet(nn.Module):
    """Not told its number of classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = BasicConv2d(3, 8, 7)
        self.inception3a = Inception(8, 4)
        self.inception3b = Inception(16, 6)
        self.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(24, 8)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inception3b(self.inception3a(self.conv1(x)))
        x = self.inception4a(self.maxpool(x))
        return self.fc(self.dropout(x.mean((2, 3))))
