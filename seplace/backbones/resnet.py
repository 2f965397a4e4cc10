"""ResNets for 224x224 images (He et al., 2016, arXiv:1512.03385, table 1): basic or bottleneck blocks in four stages.

A bottleneck strides in its 3x3 convolution ("v1.5", as torchvision and timm do), or with the suffix `_v1` in its first
1x1 convolution, as the ResNet, SE and CBAM papers do. Basic blocks have one form, so ResNet-18 and -34 have no suffix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from seplace.backbones.backbone import Backbone
from seplace.backbones.residual import IMAGENET, residual_entry

_entry: Callable[..., Callable[..., Backbone]] = partial(
    residual_entry, images=IMAGENET, stem=64, widths=(64, 128, 256, 512)
)

resnet18 = _entry("resnet18", network="resnet:BasicResNet", blocks=(2, 2, 2, 2))
resnet34 = _entry("resnet34", network="resnet:BasicResNet", blocks=(3, 4, 6, 3))
resnet50 = _entry("resnet50", network="resnet:BottleneckResNet", expansion=4, blocks=(3, 4, 6, 3))
resnet101 = _entry("resnet101", network="resnet:BottleneckResNet", expansion=4, blocks=(3, 4, 23, 3))
resnet152 = _entry("resnet152", network="resnet:BottleneckResNet", expansion=4, blocks=(3, 8, 36, 3))
resnet50_v1 = _entry("resnet50_v1", network="resnet:BottleneckResNetV1", expansion=4, blocks=(3, 4, 6, 3))
resnet101_v1 = _entry("resnet101_v1", network="resnet:BottleneckResNetV1", expansion=4, blocks=(3, 4, 23, 3))
resnet152_v1 = _entry("resnet152_v1", network="resnet:BottleneckResNetV1", expansion=4, blocks=(3, 8, 36, 3))
