"""MobileNets V1 (arXiv:1704.04861), V2 (Sandler et al., 2018, arXiv:1801.04381) and V3 (arXiv:1905.02244).

A stage is the blocks of one resolution. V3 is built without the squeeze-and-excitation of its authors. The blocks that
have it there are marked, and the choice `native` inserts it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import Site, Stage, chain_widths


class _Row(NamedTuple):
    """A block of V3, as a row of tables 1 and 2 of the paper."""

    kernel: int
    expanded: int
    channels: int
    has_native_gate: bool
    stride: int


# Expansion, channels, blocks and the stride of the first of them: table 2 of the paper of V2.
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_V3_LARGE = (
    _Row(3, 16, 16, False, 1),
    _Row(3, 64, 24, False, 2),
    _Row(3, 72, 24, False, 1),
    _Row(5, 72, 40, True, 2),
    _Row(5, 120, 40, True, 1),
    _Row(5, 120, 40, True, 1),
    _Row(3, 240, 80, False, 2),
    _Row(3, 200, 80, False, 1),
    _Row(3, 184, 80, False, 1),
    _Row(3, 184, 80, False, 1),
    _Row(3, 480, 112, True, 1),
    _Row(3, 672, 112, True, 1),
    _Row(5, 672, 160, True, 2),
    _Row(5, 960, 160, True, 1),
    _Row(5, 960, 160, True, 1),
)
_V3_SMALL = (
    _Row(3, 16, 16, True, 2),
    _Row(3, 72, 24, False, 2),
    _Row(3, 88, 24, False, 1),
    _Row(5, 96, 40, True, 2),
    _Row(5, 240, 40, True, 1),
    _Row(5, 240, 40, True, 1),
    _Row(5, 120, 48, True, 1),
    _Row(5, 144, 48, True, 1),
    _Row(5, 288, 96, True, 2),
    _Row(5, 576, 96, True, 1),
    _Row(5, 576, 96, True, 1),
)


def mobilenet_v1(*, width: float = 1.0) -> Backbone:
    """Describe MobileNetV1: 13 blocks of a depthwise and a 1x1 convolution."""
    check_width("mobilenet_v1", width)
    blocks = (1, 2, 2, 6, 2)
    stem, *outputs = (max(1, int(channels * width)) for channels in (32, 64, 128, 256, 512, 1024))
    channels = tuple(itertools.chain(*([output] * count for output, count in zip(outputs, blocks, strict=True))))
    sites = [
        {"widths": chain_widths(after) | {"pre": before, "inner": before}, "in_channels": before, "channels": after}
        for before, after in itertools.pairwise((stem, *channels))
    ]
    return Backbone(
        text=canonical_text("mobilenet_v1", {"width": width}, mobilenet_v1),
        stages=_stages(sites, blocks),
        image_size=224,
        num_classes=1000,
        min_image_size=32,
        network="seplace.backbones.networks.mobilenet:MobileNetV1",
        arguments={"stem": stem, "channels": channels, "blocks": blocks},
    )


def mobilenet_v2(*, width: float = 1.0) -> Backbone:
    """Describe MobileNetV2: 17 inverted residuals; `width` below 1 does not scale the last 1x1 convolution."""
    check_width("mobilenet_v2", width)
    stem, *outputs = (_multiple_of_8(channels * width) for channels in (32, *(row[1] for row in _V2)))
    rows = []
    before = stem
    for (expansion, _, count, stride), channels in zip(_V2, outputs, strict=True):
        for number in range(count):
            rows.append(_Row(3, expansion * before, channels, False, stride if number == 0 else 1))
            before = channels
    return Backbone(
        text=canonical_text("mobilenet_v2", {"width": width}, mobilenet_v2),
        stages=_inverted_stages(rows, stem=stem),
        image_size=224,
        num_classes=1000,
        min_image_size=32,
        network="seplace.backbones.networks.mobilenet:MobileNetV2",
        arguments={
            "stem": stem,
            "activations": ("relu6",) * len(_blocks_of_stages(rows)),
            **_columns(rows),
            "head": _multiple_of_8(1280 * max(1.0, width)),
            "hidden": (),
        },
    )


def _v3_entry(name: str, rows: Sequence[_Row], *, activations: tuple[str, ...], hidden: int) -> Callable[..., Backbone]:
    def describe(*, width: float = 1.0) -> Backbone:
        check_width(name, width)
        scaled = [
            row._replace(expanded=_multiple_of_8(row.expanded * width), channels=_multiple_of_8(row.channels * width))
            for row in rows
        ]
        stem = _multiple_of_8(16 * width)
        return Backbone(
            text=canonical_text(name, {"width": width}, describe),
            stages=_inverted_stages(scaled, stem=stem),
            image_size=224,
            num_classes=1000,
            min_image_size=32,
            network="seplace.backbones.networks.mobilenet:MobileNetV3",
            arguments={
                "stem": stem,
                "activations": activations,
                **_columns(scaled),
                "head": 6 * scaled[-1].channels,
                "hidden": (_multiple_of_8(hidden * width),),
            },
        )

    return describe


mobilenet_v3_small = _v3_entry(
    "mobilenet_v3_small", _V3_SMALL, activations=("relu", "relu", "hardswish", "hardswish"), hidden=1024
)
mobilenet_v3_large = _v3_entry(
    "mobilenet_v3_large", _V3_LARGE, activations=("relu", "relu", "relu", "hardswish", "hardswish"), hidden=1280
)


def _inverted_stages(rows: Sequence[_Row], *, stem: int) -> tuple[Stage, ...]:
    """Describe inverted residuals. Only some have a shortcut, so no stage takes `parallel`, `cross` or `post`."""
    entering = (stem, *(row.channels for row in rows[:-1]))
    sites = [
        {
            "widths": {"serial": row.channels, "pre": before, "inner": row.expanded},
            "in_channels": before,
            "channels": row.channels,
            "has_native_gate": row.has_native_gate,
        }
        for before, row in zip(entering, rows, strict=True)
    ]
    return _stages(sites, _blocks_of_stages(rows))


def _stages(sites: Sequence[dict[str, Any]], blocks: Sequence[int]) -> tuple[Stage, ...]:
    remaining = iter(sites)
    return tuple(
        Stage(sites=tuple(Site(path=f"stages.{number}.{block}", **next(remaining)) for block in range(count)))
        for number, count in enumerate(blocks)
    )


def _columns(rows: Sequence[_Row]) -> dict[str, tuple[int, ...]]:
    """Return the arguments of a network of inverted residuals: one value a stage, or one a block."""
    return {
        "blocks": _blocks_of_stages(rows),
        "expanded": tuple(row.expanded for row in rows),
        "channels": tuple(row.channels for row in rows),
        "kernels": tuple(row.kernel for row in rows),
        "strides": tuple(row.stride for row in rows),
        "native_gates": tuple(number for number, row in enumerate(rows) if row.has_native_gate),
    }


def _blocks_of_stages(rows: Sequence[_Row]) -> tuple[int, ...]:
    """Return the number of blocks of each stage; a strided block begins a stage."""
    starts = [0, *(number for number, row in enumerate(rows) if number and row.stride == 2), len(rows)]
    return tuple(after - before for before, after in itertools.pairwise(starts))


def _multiple_of_8(channels: float) -> int:
    """Return the nearest multiple of 8, at least 8; the next one where the nearest is over 10 % less."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
