"""ResNeXts with 32 groups of 4 channels (Xie et al., 2017, table 1): four stages of grouped bottlenecks.

A bottleneck strides in its 3x3 convolution, or with the suffix `_v1` in its first 1x1 convolution, as ResNets do.
"""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage

_GROUPS = 32


def _entry(name: str, *, network: str, blocks: tuple[int, int, int, int]) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        stem = max(1, round(64 * width))
        widths = tuple(_GROUPS * max(1, round(channels * width)) for channels in (4, 8, 16, 32))
        outputs = tuple(2 * channels for channels in widths)
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
            network=f"seplace.backbones.networks.resnext:{network}",
            arguments={"stem_channels": stem, "widths": widths, "blocks": blocks},
        )

    return describe


resnext50_32x4d = _entry("resnext50_32x4d", network="ResNeXt", blocks=(3, 4, 6, 3))
resnext101_32x4d = _entry("resnext101_32x4d", network="ResNeXt", blocks=(3, 4, 23, 3))
resnext50_32x4d_v1 = _entry("resnext50_32x4d_v1", network="ResNeXtV1", blocks=(3, 4, 6, 3))
resnext101_32x4d_v1 = _entry("resnext101_32x4d_v1", network="ResNeXtV1", blocks=(3, 4, 23, 3))
