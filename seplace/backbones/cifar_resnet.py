"""ResNets for 32x32 images: three stages of basic blocks (He et al., 2016, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage
from seplace.errors import InputError

_NETWORKS = {
    "A": "seplace.backbones.networks.resnet:CifarResNetA",
    "B": "seplace.backbones.networks.resnet:CifarResNetB",
}


def _entry(depth: int) -> Callable[..., Backbone]:
    def describe(*, shortcut: str = "A", width: float = 1.0) -> Backbone:
        if shortcut not in _NETWORKS:
            raise InputError(f"cifar_resnet{depth}: shortcut is A (subsample and pad) or B (project), got {shortcut!r}")
        check_width(f"cifar_resnet{depth}", width)
        widths = tuple(max(1, round(channels * width)) for channels in (16, 32, 64))
        blocks = (depth - 2) // 6
        return Backbone(
            text=canonical_text(f"cifar_resnet{depth}", {"shortcut": shortcut, "width": width}, describe),
            stages=tuple(
                residual_stage(number, in_channels=before, channels=channels, blocks=blocks, inner=channels)
                for number, (before, channels) in enumerate(zip((widths[0], *widths), widths, strict=False))
            ),
            image_size=32,
            num_classes=10,
            min_image_size=4,
            network=_NETWORKS[shortcut],
            arguments={"stem_channels": widths[0], "widths": widths, "blocks": (blocks,) * 3},
        )

    return describe


cifar_resnet8 = _entry(8)
cifar_resnet14 = _entry(14)
cifar_resnet20 = _entry(20)
cifar_resnet32 = _entry(32)
cifar_resnet44 = _entry(44)
cifar_resnet56 = _entry(56)
cifar_resnet110 = _entry(110)
