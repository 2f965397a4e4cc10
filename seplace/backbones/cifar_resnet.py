"""ResNets for 32x32 images (He et al., 2016, arXiv:1512.03385, section 4.2): three stages of basic blocks."""

from __future__ import annotations

from collections.abc import Callable

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.residual import CIFAR, residual_backbone, scaled
from seplace.errors import InputError

_NETWORKS = {"A": "resnet:CifarResNetA", "B": "resnet:CifarResNetB"}


def _entry(depth: int) -> Callable[..., Backbone]:
    name = f"cifar_resnet{depth}"

    def describe(*, shortcut: str = "A", width: float = 1.0) -> Backbone:
        if shortcut not in _NETWORKS:
            raise InputError(f"{name}: shortcut is A (subsample and pad) or B (project), got {shortcut!r}")
        check_width(name, width)
        return residual_backbone(
            canonical_text(name, {"shortcut": shortcut, "width": width}, describe),
            network=_NETWORKS[shortcut],
            images=CIFAR,
            stem=scaled(16, width),
            widths=(scaled(16, width), scaled(32, width), scaled(64, width)),
            blocks=((depth - 2) // 6,) * 3,
        )

    return describe


cifar_resnet8 = _entry(8)
cifar_resnet14 = _entry(14)
cifar_resnet20 = _entry(20)
cifar_resnet32 = _entry(32)
cifar_resnet44 = _entry(44)
cifar_resnet56 = _entry(56)
cifar_resnet110 = _entry(110)
