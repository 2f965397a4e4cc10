"""A small residual encoder, the U-Net on it (arXiv:1505.04597), and a classifier on it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """A residual block of two 3x3 convolutions."""

    def __init__(self, entering: int, leaving: int, *, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(entering, leaving, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(leaving),
            nn.ReLU(),
            nn.Conv2d(leaving, leaving, 3, padding=1, bias=False),
            nn.BatchNorm2d(leaving),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or entering != leaving:
            self.shortcut.append(nn.Conv2d(entering, leaving, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, entering, H, W) to (N, leaving, H / stride, W / stride)."""
        return F.relu(self.body(x) + self.shortcut(x))


class Encoder(nn.Module):
    """Three residual stages, at a half, a quarter and an eighth of the side of the image."""

    def __init__(self, *, width: int = 8, in_channels: int = 1) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.ModuleList(
            [
                Residual(width, width),
                Residual(width, 2 * width, stride=2),
                Residual(2 * width, 4 * width, stride=2),
            ]
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the map of each stage, the finest first."""
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class UNet(nn.Module):
    """An encoder, and a decoder that joins each of its maps to the enlarged next coarser one."""

    def __init__(self, encoder: Encoder, *, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        pairs = [(coarse, fine) for fine, coarse in itertools.pairwise(encoder.channels)][::-1]
        self.enlarge = nn.ModuleList([nn.ConvTranspose2d(coarse, fine, 2, stride=2) for coarse, fine in pairs])
        self.decoder = nn.ModuleList([Residual(2 * fine, fine) for _, fine in pairs])
        self.head = nn.Conv2d(encoder.channels[0], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes, H, W)."""
        *finer, x = self.encoder(images)
        for enlarge, block, skip in zip(self.enlarge, self.decoder, reversed(finer), strict=True):
            x = block(torch.cat([enlarge(x), skip], dim=1))
        return F.interpolate(self.head(x), scale_factor=2.0, mode="bilinear")


class Classifier(nn.Module):
    """An encoder, and a linear layer on the mean of its last map."""

    def __init__(self, encoder: Encoder, *, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.channels[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        maps: Sequence[Tensor] = self.encoder(images)
        logits: Tensor = self.head(maps[-1].mean((2, 3)))
        return logits


def unet(*, width: int = 8, in_channels: int = 1, num_classes: int = 6) -> UNet:
    """Return the whole U-Net, for a space that also chooses in its decoder."""
    return UNet(Encoder(width=width, in_channels=in_channels), num_classes=num_classes)
