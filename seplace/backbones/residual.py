"""The description that families of residual networks share: stages of equal blocks, scaled by one width."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import residual_stage


class Images(NamedTuple):
    """The images that a network is designed for."""

    size: int
    """The side, in pixels."""
    classes: int
    min_size: int
    """The least side that every stride can halve, in pixels."""


CIFAR = Images(size=32, classes=10, min_size=4)
IMAGENET = Images(size=224, classes=1000, min_size=32)


def residual_backbone(
    text: str,
    *,
    network: str,
    images: Images,
    stem: int,
    widths: tuple[int, ...],
    blocks: tuple[int, ...],
    expansion: int = 1,
) -> Backbone:
    """Describe a residual network of given channels.

    `widths` are the channels of the 3x3 convolutions and `blocks` the numbers of blocks, an entry a stage. A block's
    output has `expansion` times its width. `network` is `module:Class` in `seplace.backbones.networks`.
    """
    outputs = tuple(channels * expansion for channels in widths)
    return Backbone(
        text=text,
        stages=tuple(
            residual_stage(number, in_channels=before, channels=channels, blocks=count, inner=inner)
            for number, (before, channels, inner, count) in enumerate(
                zip((stem, *outputs), outputs, widths, blocks, strict=False)
            )
        ),
        image_size=images.size,
        num_classes=images.classes,
        min_image_size=images.min_size,
        network=f"seplace.backbones.networks.{network}",
        arguments={"stem_channels": stem, "widths": widths, "blocks": blocks},
    )


def residual_entry(
    name: str,
    *,
    network: str,
    images: Images,
    stem: int,
    widths: tuple[int, ...],
    blocks: tuple[int, ...],
    expansion: int = 1,
    groups: int = 1,
) -> Callable[..., Backbone]:
    """Return the description of a residual network whose one option is `width`, the factor of all channels.

    Widths stay multiples of `groups`.
    """

    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        return residual_backbone(
            canonical_text(name, {"width": width}, describe),
            network=network,
            images=images,
            stem=scaled(stem, width),
            widths=tuple(groups * scaled(channels // groups, width) for channels in widths),
            blocks=blocks,
            expansion=expansion,
        )

    return describe


def scaled(channels: int, width: float) -> int:
    """Scale a number of channels by a factor, to at least 1."""
    return max(1, round(channels * width))
