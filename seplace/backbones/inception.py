"""BN-Inception (Ioffe & Szegedy, 2015, arXiv:1502.03167) and Inception-ResNet-v2 (Szegedy et al., 2017).

Inception-ResNet-v2 is of arXiv:1602.07261. The descriptions and the networks share the channels given here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import chain_stage, residual_stage


def scaled_channels(channels: Sequence[int], width: float) -> tuple[int, ...]:
    """Scale channels by a factor, to at least 1; 0 stays 0."""
    return tuple(count and max(1, round(count * width)) for count in channels)


class InceptionShape(NamedTuple):
    """The channels of an Inception module; 0 for a layer that it does not have."""

    pointwise: int
    single: tuple[int, ...]
    """The channels of a 1x1 and a 3x3 convolution."""
    double: tuple[int, ...]
    """The channels of a 1x1 and two 3x3 convolutions."""
    pool: str
    projection: int
    """The channels of the 1x1 convolution after the pooling; with 0 the pooled input is concatenated."""
    stride: int = 1

    def scaled(self, width: float) -> InceptionShape:
        """Return the shape with all channels scaled by a factor."""
        pointwise, projection = scaled_channels((self.pointwise, self.projection), width)
        return InceptionShape(
            pointwise,
            scaled_channels(self.single, width),
            scaled_channels(self.double, width),
            self.pool,
            projection,
            self.stride,
        )

    def out_channels(self, in_channels: int) -> int:
        """Return the channels of the concatenated paths."""
        return self.pointwise + self.single[-1] + self.double[-1] + (self.projection or in_channels)


BN_INCEPTION_STEM = (64, 64, 192)
BN_INCEPTION_MODULES = (
    (
        InceptionShape(64, (64, 64), (64, 96, 96), "average", 32),
        InceptionShape(64, (64, 96), (64, 96, 96), "average", 64),
        InceptionShape(0, (128, 160), (64, 96, 96), "maximum", 0, stride=2),
    ),
    (
        InceptionShape(224, (64, 96), (96, 128, 128), "average", 128),
        InceptionShape(192, (96, 128), (96, 128, 128), "average", 128),
        InceptionShape(160, (128, 160), (128, 160, 160), "average", 128),
        InceptionShape(96, (128, 192), (160, 192, 192), "average", 128),
        InceptionShape(0, (128, 192), (192, 256, 256), "maximum", 0, stride=2),
    ),
    (
        InceptionShape(352, (192, 320), (160, 224, 224), "average", 128),
        InceptionShape(352, (192, 320), (192, 224, 224), "maximum", 128),
    ),
)

INCEPTION_RESNET_STEM = (32, 32, 64, 80, 192)
MIXED_5B = ((96,), (48, 64), (64, 96, 96), (64,))
BLOCK_35 = ((32,), (32, 32), (32, 48, 64))
REDUCTION_A = ((384,), (256, 256, 384))
BLOCK_17 = ((192,), (128, 160, 192))
REDUCTION_B = ((256, 384), (256, 288), (256, 288, 320))
BLOCK_8 = ((192,), (192, 224, 256))
INCEPTION_RESNET_HEAD = (1536,)


def concatenated(paths: Sequence[Sequence[int]], width: float) -> int:
    """Return the channels of paths whose last layers are concatenated, all scaled by a factor."""
    return sum(scaled_channels(path, width)[-1] for path in paths)


def bn_inception(*, width: float = 1.0) -> Backbone:
    """Describe BN-Inception, with stages of the Inception modules 3a-3c, 4a-4e and 5a-5b."""
    check_width("bn_inception", width)
    (channels,) = scaled_channels(BN_INCEPTION_STEM[-1:], width)
    stages = []
    for number, shapes in enumerate(BN_INCEPTION_MODULES):
        scaled = [shape.scaled(width) for shape in shapes]
        after = [*accumulate(scaled, lambda before, shape: shape.out_channels(before), initial=channels)][1:]
        stages.append(chain_stage(number, in_channels=channels, channels=after))
        channels = after[-1]
    return Backbone(
        text=canonical_text("bn_inception", {"width": width}, bn_inception),
        stages=tuple(stages),
        image_size=224,
        num_classes=1000,
        min_image_size=32,
        network="seplace.backbones.networks.inception:BNInception",
        arguments={"width": width},
    )


def inception_resnet_v2(*, width: float = 1.0) -> Backbone:
    """Describe Inception-ResNet-v2: 10, 20 and 10 residual blocks on maps of 35x35, 17x17 and 8x8."""
    check_width("inception_resnet_v2", width)
    blocks = (10, 20, 10)
    first = concatenated(MIXED_5B, width)
    second = concatenated(REDUCTION_A, width) + first
    third = concatenated(REDUCTION_B, width) + second
    return Backbone(
        text=canonical_text("inception_resnet_v2", {"width": width}, inception_resnet_v2),
        stages=tuple(
            residual_stage(number, in_channels=channels, channels=channels, blocks=count)
            for number, (channels, count) in enumerate(zip((first, second, third), blocks, strict=True))
        ),
        image_size=299,
        num_classes=1000,
        min_image_size=75,
        network="seplace.backbones.networks.inception:InceptionResNetV2",
        arguments={"blocks": blocks, "width": width},
    )
