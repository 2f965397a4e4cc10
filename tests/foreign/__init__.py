"""Networks as users bring them, in the block structure of well-known libraries; small, and written for these tests."""

import torch
from torch import Tensor, nn

from tests.foreign.chains import VGG, GoogLeNet
from tests.foreign.mobile import MobileNetV2, ShuffleNet
from tests.foreign.residual import ConvNeXt, PreActResNet, WideResNet, basic_resnet, bottleneck_resnet

NETWORKS = {
    "basic_resnet": basic_resnet,
    "bottleneck_resnet": bottleneck_resnet,
    "mobilenet": MobileNetV2,
    "shufflenet": ShuffleNet,
    "vgg": VGG,
    "googlenet": GoogLeNet,
    "convnext": ConvNeXt,
    "preact_resnet": PreActResNet,
    "wide_resnet": WideResNet,
}


def trained_like(name: str) -> nn.Module:
    """A network whose norms do something, as after a training."""
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.num_batches_tracked.fill_(100)
    return network


def images(count: int = 4, size: int = 32) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))
