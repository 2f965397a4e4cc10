"""ResNets for 224x224 images (He et al., 2016, table 1): four stages of basic or bottleneck blocks.

A bottleneck strides in its 3x3 convolution ("v1.5", as torchvision and timm do), or with the suffix `_v1` in its first
1x1 convolution, as the ResNet, SE and CBAM papers do. Basic blocks have one form, so ResNet-18 and -34 have no suffix.
"""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage


def _entry(name: str, *, network: str, expansion: int, blocks: tuple[int, int, int, int]) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        stem, *_ = widths = tuple(max(1, round(channels * width)) for channels in (64, 128, 256, 512))
        outputs = tuple(channels * expansion for channels in widths)
        return Backbone(
            text=canonical_text(name, {"width": width}, describe),
            stages=tuple(
                residual_stage(number, in_channels=before, channels=channels, blocks=count, inner=inner)
                for number, (before, channels, inner, count) in enumerate(
                    zip((stem, *outputs), outputs, widths, blocks, strict=False)
                )
            ),
            image_size=224,
            num_classes=1000,
            min_image_size=32,
            network=f"seplace.backbones.networks.resnet:{network}",
            arguments={"stem_channels": stem, "widths": widths, "blocks": blocks},
        )

    return describe


resnet18 = _entry("resnet18", network="BasicResNet", expansion=1, blocks=(2, 2, 2, 2))
resnet34 = _entry("resnet34", network="BasicResNet", expansion=1, blocks=(3, 4, 6, 3))
resnet50 = _entry("resnet50", network="BottleneckResNet", expansion=4, blocks=(3, 4, 6, 3))
resnet101 = _entry("resnet101", network="BottleneckResNet", expansion=4, blocks=(3, 4, 23, 3))
resnet152 = _entry("resnet152", network="BottleneckResNet", expansion=4, blocks=(3, 8, 36, 3))
resnet50_v1 = _entry("resnet50_v1", network="BottleneckResNetV1", expansion=4, blocks=(3, 4, 6, 3))
resnet101_v1 = _entry("resnet101_v1", network="BottleneckResNetV1", expansion=4, blocks=(3, 4, 23, 3))
resnet152_v1 = _entry("resnet152_v1", network="BottleneckResNetV1", expansion=4, blocks=(3, 8, 36, 3))
