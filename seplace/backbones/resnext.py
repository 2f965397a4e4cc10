"""ResNeXts with 32 groups of 4 channels (Xie et al., 2017, arXiv:1611.05431, table 1): stages of grouped bottlenecks.

A bottleneck strides in its 3x3 convolution, or with the suffix `_v1` in its first 1x1 convolution, as ResNets do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from seplace.backbones.backbone import Backbone
from seplace.backbones.residual import IMAGENET, residual_entry

_entry: Callable[..., Callable[..., Backbone]] = partial(
    residual_entry, images=IMAGENET, stem=64, widths=(128, 256, 512, 1024), expansion=2, groups=32
)

resnext50_32x4d = _entry("resnext50_32x4d", network="resnext:ResNeXt", blocks=(3, 4, 6, 3))
resnext101_32x4d = _entry("resnext101_32x4d", network="resnext:ResNeXt", blocks=(3, 4, 23, 3))
resnext50_32x4d_v1 = _entry("resnext50_32x4d_v1", network="resnext:ResNeXtV1", blocks=(3, 4, 6, 3))
resnext101_32x4d_v1 = _entry("resnext101_32x4d_v1", network="resnext:ResNeXtV1", blocks=(3, 4, 23, 3))
