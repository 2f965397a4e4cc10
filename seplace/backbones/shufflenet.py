"""ShuffleNet 1x with three groups (Zhang et al., 2018, arXiv:1707.01083, table 1)."""

from __future__ import annotations

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import Site, Stage

_GROUPS = 3


def shufflenet_g3(*, width: float = 1.0) -> Backbone:
    """Describe ShuffleNet; the first unit of a stage halves the map and concatenates its input to its output."""
    check_width("shufflenet_g3", width)
    # A quarter of a unit's output is its bottleneck, and both are divided into groups.
    stem = _GROUPS * max(1, round(24 / _GROUPS * width))
    narrowest = 4 * _GROUPS * max(1, round(240 / (4 * _GROUPS) * width))
    widths, blocks = (narrowest, 2 * narrowest, 4 * narrowest), (4, 8, 4)
    return Backbone(
        text=canonical_text("shufflenet_g3", {"width": width}, shufflenet_g3),
        stages=tuple(
            _stage(number, in_channels=before, channels=channels, blocks=count)
            for number, (before, channels, count) in enumerate(zip((stem, *widths), widths, blocks, strict=False))
        ),
        image_size=224,
        num_classes=1000,
        min_image_size=32,
        network="seplace.backbones.networks.shufflenet:ShuffleNet",
        arguments={"stem": stem, "widths": widths, "blocks": blocks, "groups": _GROUPS},
    )


def _stage(number: int, *, in_channels: int, channels: int, blocks: int) -> Stage:
    entering = (in_channels, *[channels] * (blocks - 1))
    return Stage(
        sites=tuple(
            Site(
                path=f"stages.{number}.{block}",
                widths={
                    "serial": channels - in_channels if block == 0 else channels,
                    "pre": before,
                    "post": channels,
                    "inner": channels // 4,
                },
                in_channels=before,
                channels=channels,
            )
            for block, before in enumerate(entering)
        )
    )
