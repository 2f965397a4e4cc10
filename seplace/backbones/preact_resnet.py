"""Pre-activation ResNets for 32x32 images (He et al., 2016, arXiv:1603.05027): three stages of 18 blocks.

ResNet-110 has basic blocks and shortcuts without parameters, ResNet-164 has bottlenecks and projections.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from seplace.backbones.backbone import Backbone
from seplace.backbones.residual import CIFAR, residual_entry

_entry: Callable[..., Callable[..., Backbone]] = partial(
    residual_entry, images=CIFAR, stem=16, widths=(16, 32, 64), blocks=(18, 18, 18)
)

preact_resnet110 = _entry("preact_resnet110", network="preact_resnet:PaddedPreActivationResNet")
preact_resnet164 = _entry("preact_resnet164", network="preact_resnet:PreActivationBottleneckResNet", expansion=4)
