"""Wide ResNets: residual networks whose blocks have more channels, and whose stem does not.

`wrn<depth>_<factor>` are for 32x32 images, of pre-activation blocks B(3, 3) (Zagoruyko & Komodakis, 2016,
arXiv:1605.07146, table 1). `wide_resnet18_x<factor>` are ResNet-18 for 224x224 images, widened as in the CBAM paper
(Woo et al., 2018, arXiv:1807.06521, table 4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from seplace.backbones.backbone import Backbone
from seplace.backbones.residual import CIFAR, IMAGENET, residual_entry

_cifar_entry: Callable[..., Callable[..., Backbone]] = partial(
    residual_entry, network="preact_resnet:WideResNet", images=CIFAR, stem=16
)
_imagenet_entry: Callable[..., Callable[..., Backbone]] = partial(
    residual_entry, network="resnet:BasicResNet", images=IMAGENET, stem=64, blocks=(2, 2, 2, 2)
)

wrn16_8 = _cifar_entry("wrn16_8", widths=(128, 256, 512), blocks=(2, 2, 2))
wrn28_10 = _cifar_entry("wrn28_10", widths=(160, 320, 640), blocks=(4, 4, 4))
wide_resnet18_x1_5 = _imagenet_entry("wide_resnet18_x1_5", widths=(96, 192, 384, 768))
wide_resnet18_x2 = _imagenet_entry("wide_resnet18_x2", widths=(128, 256, 512, 1024))
