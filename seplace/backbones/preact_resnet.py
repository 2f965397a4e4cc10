"""Pre-activation ResNets for 32x32 images: three stages of 18 blocks (He et al., 2016b).

ResNet-110 has basic blocks and shortcuts without parameters, ResNet-164 has bottlenecks and projections.
"""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage

_BLOCKS = 18


def _entry(name: str, *, network: str, expansion: int) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        stem, *_ = widths = tuple(max(1, round(channels * width)) for channels in (16, 32, 64))
        outputs = tuple(channels * expansion for channels in widths)
        return Backbone(
            text=canonical_text(name, {"width": width}, describe),
            stages=tuple(
                residual_stage(number, in_channels=before, channels=channels, blocks=_BLOCKS, inner=inner)
                for number, (before, channels, inner) in enumerate(zip((stem, *outputs), outputs, widths, strict=False))
            ),
            image_size=32,
            num_classes=10,
            min_image_size=4,
            network=f"seplace.backbones.networks.preact_resnet:{network}",
            arguments={"stem_channels": stem, "widths": widths, "blocks": (_BLOCKS,) * 3},
        )

    return describe


preact_resnet110 = _entry("preact_resnet110", network="PaddedPreActivationResNet", expansion=1)
preact_resnet164 = _entry("preact_resnet164", network="PreActivationBottleneckResNet", expansion=4)
