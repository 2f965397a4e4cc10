"""Inception networks in torch: parallel paths, whose maps are concatenated."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seplace.backbones.inception import (
    BLOCK_8,
    BLOCK_17,
    BLOCK_35,
    BN_INCEPTION_MODULES,
    BN_INCEPTION_STEM,
    INCEPTION_RESNET_HEAD,
    INCEPTION_RESNET_STEM,
    MIXED_5B,
    REDUCTION_A,
    REDUCTION_B,
    InceptionShape,
    concatenated,
    scaled_channels,
)
from seplace.backbones.networks.block import Block, ResidualBlock
from seplace.backbones.networks.init import draw_convolutions

KernelSize = tuple[int, int]
POINT: KernelSize = (1, 1)
SQUARE: KernelSize = (3, 3)


class InceptionConvolution(nn.Sequential):
    """A convolution with a bias, a batch norm and a ReLU; with padding only the stride changes the size of a map."""

    has_bias = True
    epsilon = 1e-5

    def __init__(
        self, in_channels: int, out_channels: int, kernel: KernelSize, *, stride: int = 1, pads: bool = True
    ) -> None:
        padding = (kernel[0] // 2, kernel[1] // 2) if pads else (0, 0)
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=self.has_bias),
                norm=nn.BatchNorm2d(out_channels, eps=self.epsilon),
                relu=nn.ReLU(inplace=True),
            )
        )


class UnbiasedConvolution(InceptionConvolution):
    """A convolution without a bias, as Inception-ResNet-v2 has it."""

    has_bias = False
    epsilon = 1e-3


class Branches(nn.ModuleList):
    """Paths from one input; their outputs are concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride), C_out being the sum over the paths."""
        return torch.cat([branch(x) for branch in self], dim=1)


class ConstantFactor(nn.Module):
    """F times a constant, so that the sum of many residual blocks does not grow."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Scale a map of shape (N, C, H, W)."""
        return x * self.factor


def path(
    convolution: type[InceptionConvolution],
    in_channels: int,
    widths: Sequence[int],
    kernels: Sequence[KernelSize],
    *,
    stride: int = 1,
    pads_last: bool = True,
) -> nn.Sequential:
    """Return convolutions in sequence; the last has the stride, and no padding without `pads_last`."""
    layers: list[nn.Module] = []
    for number, (width, kernel) in enumerate(zip(widths, kernels, strict=True), start=1):
        is_last = number == len(widths)
        layers.append(
            convolution(in_channels, width, kernel, stride=stride if is_last else 1, pads=pads_last or not is_last)
        )
        in_channels = width
    return nn.Sequential(*layers)


class InceptionModule(Block):
    """Four paths: a 1x1, a 3x3 and a double 3x3 convolution and a pooling; a strided one lacks the 1x1.

    The pooling has the padding of the 3x3 convolutions, so that the paths agree on maps of odd size, too.
    """

    def __init__(self, in_channels: int, shape: InceptionShape) -> None:
        pool_type = {"average": nn.AvgPool2d, "maximum": nn.MaxPool2d}[shape.pool]
        pool = nn.Sequential(pool_type(3, stride=shape.stride, padding=1))
        branches: list[nn.Module] = [
            path(InceptionConvolution, in_channels, shape.single, (POINT, SQUARE), stride=shape.stride),
            path(InceptionConvolution, in_channels, shape.double, (POINT, SQUARE, SQUARE), stride=shape.stride),
            pool,
        ]
        if shape.pointwise:
            branches.insert(0, InceptionConvolution(in_channels, shape.pointwise, POINT))
        if shape.projection:
            pool.append(InceptionConvolution(in_channels, shape.projection, POINT))
        super().__init__(
            in_channels,
            shape.out_channels(in_channels),
            nn.Sequential(OrderedDict(branches=Branches(branches))),
        )


class BNInception(nn.Module):
    """A stem of two strided poolings, ten Inception modules in three stages, mean pooling and a linear classifier."""

    def __init__(self, *, width: float, num_classes: int, in_channels: int) -> None:
        super().__init__()
        first, reduced, channels = scaled_channels(BN_INCEPTION_STEM, width)
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=InceptionConvolution(in_channels, first, (7, 7), stride=2),
                pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
                conv2=path(InceptionConvolution, first, (reduced, channels), (POINT, SQUARE)),
                pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            )
        )
        stages = []
        for shapes in BN_INCEPTION_MODULES:
            modules = []
            for shape in shapes:
                modules.append(InceptionModule(channels, shape.scaled(width)))
                channels = modules[-1].out_channels
            stages.append(nn.Sequential(*modules))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(images)).mean((2, 3)))
        return logits


class InceptionResidual(ResidualBlock):
    """φ(x + factor · W [paths of x]): a 1x1 convolution brings the concatenated paths to the channels of x."""

    def __init__(
        self,
        channels: int,
        width: float,
        *,
        widths: Sequence[Sequence[int]],
        kernels: Sequence[Sequence[KernelSize]],
        factor: float,
        activation: nn.Sequential,
    ) -> None:
        branches = Branches(
            path(UnbiasedConvolution, channels, scaled_channels(path_widths, width), path_kernels)
            for path_widths, path_kernels in zip(widths, kernels, strict=True)
        )
        residual = nn.Sequential(
            OrderedDict(
                branches=branches,
                conv=nn.Conv2d(concatenated(widths, width), channels, 1),
                scale=ConstantFactor(factor),
            )
        )
        super().__init__(channels, channels, residual, nn.Sequential(), activation)


def block_35(channels: int, width: float) -> InceptionResidual:
    """Return a block for maps of 35x35."""
    return InceptionResidual(
        channels,
        width,
        widths=BLOCK_35,
        kernels=((POINT,), (POINT, SQUARE), (POINT, SQUARE, SQUARE)),
        factor=0.17,
        activation=nn.Sequential(nn.ReLU(inplace=True)),
    )


def block_17(channels: int, width: float) -> InceptionResidual:
    """Return a block for maps of 17x17, with a 7x7 convolution factorized into 1x7 and 7x1."""
    return InceptionResidual(
        channels,
        width,
        widths=BLOCK_17,
        kernels=((POINT,), (POINT, (1, 7), (7, 1))),
        factor=0.1,
        activation=nn.Sequential(nn.ReLU(inplace=True)),
    )


def block_8(channels: int, width: float, *, is_last: bool) -> InceptionResidual:
    """Return a block for maps of 8x8; the last of the network is neither scaled down nor followed by a ReLU."""
    return InceptionResidual(
        channels,
        width,
        widths=BLOCK_8,
        kernels=((POINT,), (POINT, (1, 3), (3, 1))),
        factor=1.0 if is_last else 0.2,
        activation=nn.Sequential() if is_last else nn.Sequential(nn.ReLU(inplace=True)),
    )


def reduction(
    in_channels: int, width: float, *, widths: Sequence[Sequence[int]], kernels: Sequence[Sequence[KernelSize]]
) -> Branches:
    """Return paths that end in a strided convolution, and a strided pooling, all without padding."""
    paths = [
        path(
            UnbiasedConvolution,
            in_channels,
            scaled_channels(path_widths, width),
            path_kernels,
            stride=2,
            pads_last=False,
        )
        for path_widths, path_kernels in zip(widths, kernels, strict=True)
    ]
    return Branches([*paths, nn.MaxPool2d(3, stride=2)])


def mixed_5b(in_channels: int, width: float) -> Branches:
    """Return the Inception module that ends the stem."""
    pointwise, single, double, projection = (scaled_channels(widths, width) for widths in MIXED_5B)
    return Branches(
        [
            path(UnbiasedConvolution, in_channels, pointwise, (POINT,)),
            path(UnbiasedConvolution, in_channels, single, (POINT, (5, 5))),
            path(UnbiasedConvolution, in_channels, double, (POINT, SQUARE, SQUARE)),
            nn.Sequential(
                nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
                path(UnbiasedConvolution, in_channels, projection, (POINT,)),
            ),
        ]
    )


class InceptionResNetV2(nn.Module):
    """A stem, three stages of residual Inception blocks with reductions between, and a linear classifier."""

    def __init__(self, *, blocks: Sequence[int], width: float, num_classes: int, in_channels: int) -> None:
        super().__init__()
        one, two, three, four, five = scaled_channels(INCEPTION_RESNET_STEM, width)
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=UnbiasedConvolution(in_channels, one, SQUARE, stride=2, pads=False),
                conv2=UnbiasedConvolution(one, two, SQUARE, pads=False),
                conv3=UnbiasedConvolution(two, three, SQUARE),
                pool3=nn.MaxPool2d(3, stride=2),
                conv4=UnbiasedConvolution(three, four, POINT),
                conv5=UnbiasedConvolution(four, five, SQUARE, pads=False),
                pool5=nn.MaxPool2d(3, stride=2),
                mixed=mixed_5b(five, width),
            )
        )
        first = concatenated(MIXED_5B, width)
        second = first + concatenated(REDUCTION_A, width)
        third = second + concatenated(REDUCTION_B, width)
        self.transitions = nn.ModuleList(
            [
                nn.Sequential(),
                reduction(first, width, widths=REDUCTION_A, kernels=((SQUARE,), (POINT, SQUARE, SQUARE))),
                reduction(
                    second,
                    width,
                    widths=REDUCTION_B,
                    kernels=((POINT, SQUARE), (POINT, SQUARE), (POINT, SQUARE, SQUARE)),
                ),
            ]
        )
        self.stages = nn.Sequential(
            nn.Sequential(*(block_35(first, width) for _ in range(blocks[0]))),
            nn.Sequential(*(block_17(second, width) for _ in range(blocks[1]))),
            nn.Sequential(*(block_8(third, width, is_last=number == blocks[2]) for number in range(1, blocks[2] + 1))),
        )
        (head,) = scaled_channels(INCEPTION_RESNET_HEAD, width)
        self.head = UnbiasedConvolution(third, head, POINT)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(head, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = self.stem(images)
        for transition, stage in zip(self.transitions, self.stages):  # noqa: B905 (torch.jit.script takes no strict)
            x = stage(transition(x))
        logits: Tensor = self.classifier(self.dropout(self.head(x).mean((2, 3))))
        return logits
