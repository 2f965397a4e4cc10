"""VGGs with batch norm (Simonyan & Zisserman, 2015, arXiv:1409.1556, table 1): five stages of 3x3 convolutions."""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import Site, Stage, chain_widths

_IMAGE_CHANNELS = 3
"""Those of a color image; no attachment of a chain depends on them."""


def _entry(name: str, *, blocks: tuple[int, int, int, int, int]) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        *widths, hidden = (max(1, round(channels * width)) for channels in (64, 128, 256, 512, 512, 4096))
        return Backbone(
            text=canonical_text(name, {"width": width}, describe),
            stages=tuple(
                _stage(number, in_channels=before, channels=channels, blocks=count)
                for number, (before, channels, count) in enumerate(
                    zip((_IMAGE_CHANNELS, *widths), widths, blocks, strict=False)
                )
            ),
            image_size=224,
            num_classes=1000,
            min_image_size=32,
            network="seplace.backbones.networks.vgg:VGG",
            arguments={"widths": tuple(widths), "blocks": blocks, "hidden": hidden},
        )

    return describe


def _stage(number: int, *, in_channels: int, channels: int, blocks: int) -> Stage:
    entering = (in_channels, *[channels] * (blocks - 1))
    return Stage(
        sites=tuple(
            Site(
                path=f"stages.{number}.{block}",
                widths=chain_widths(channels),
                in_channels=before,
                channels=channels,
            )
            for block, before in enumerate(entering)
        )
    )


vgg11_bn = _entry("vgg11_bn", blocks=(1, 1, 2, 2, 2))
vgg13_bn = _entry("vgg13_bn", blocks=(2, 2, 2, 2, 2))
vgg16_bn = _entry("vgg16_bn", blocks=(2, 2, 3, 3, 3))
vgg19_bn = _entry("vgg19_bn", blocks=(2, 2, 4, 4, 4))
