"""Wide ResNets: residual networks with the channels of their blocks multiplied, and not those of their stem.

`wrn<depth>_<factor>` are for 32x32 images, of pre-activation blocks B(3, 3) (Zagoruyko & Komodakis, 2016, table 1).
`wide_resnet18_x<factor>` are ResNet-18 for 224x224 images, widened as the CBAM paper does (Woo et al., 2018, table 4).
"""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage


def _entry(
    name: str,
    *,
    network: str,
    stem: int,
    widths: tuple[int, ...],
    blocks: int,
    image_size: int,
    num_classes: int,
    min_image_size: int,
) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        entering, *scaled = (max(1, round(channels * width)) for channels in (stem, *widths))
        return Backbone(
            text=canonical_text(name, {"width": width}, describe),
            stages=tuple(
                residual_stage(number, in_channels=before, channels=channels, blocks=blocks, inner=channels)
                for number, (before, channels) in enumerate(zip((entering, *scaled), scaled, strict=False))
            ),
            image_size=image_size,
            num_classes=num_classes,
            min_image_size=min_image_size,
            network=network,
            arguments={"stem_channels": entering, "widths": tuple(scaled), "blocks": (blocks,) * len(scaled)},
        )

    return describe


def _cifar_entry(*, depth: int, factor: int) -> Callable[..., Backbone]:
    return _entry(
        f"wrn{depth}_{factor}",
        network="seplace.backbones.networks.preact_resnet:WideResNet",
        stem=16,
        widths=(16 * factor, 32 * factor, 64 * factor),
        blocks=(depth - 4) // 6,
        image_size=32,
        num_classes=10,
        min_image_size=4,
    )


def _imagenet_entry(name: str, *, widths: tuple[int, int, int, int]) -> Callable[..., Backbone]:
    return _entry(
        name,
        network="seplace.backbones.networks.resnet:BasicResNet",
        stem=64,
        widths=widths,
        blocks=2,
        image_size=224,
        num_classes=1000,
        min_image_size=32,
    )


wrn16_8 = _cifar_entry(depth=16, factor=8)
wrn28_10 = _cifar_entry(depth=28, factor=10)
wide_resnet18_x1_5 = _imagenet_entry("wide_resnet18_x1_5", widths=(96, 192, 384, 768))
wide_resnet18_x2 = _imagenet_entry("wide_resnet18_x2", widths=(128, 256, 512, 1024))
