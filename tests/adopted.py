"""Networks as users bring them, adopted, and what is found in them."""

import copy
import functools

import pytest
import torch
from torch import Tensor, nn

import seplace
import seplace.adoption
from tests.foreign import NETWORKS, images, trained_like
from tests.foreign.chains import Inception
from tests.foreign.mobile import InvertedResidual, ShuffleUnit
from tests.foreign.residual import BasicBlock, Bottleneck, ConvNeXtBlock, PreActBlock, WideBlock

each_network = pytest.mark.parametrize("name", NETWORKS)

JOINED = "serial parallel cross pre post inner"
STAGES: dict[str, list[tuple[type, str, str, int, int, str]]] = {
    # class of the blocks, first and last, channels, side of the map for images of 32 pixels, attachments
    "basic_resnet": [
        (BasicBlock, "layer1.0", "layer1.1", 8, 8, f"{JOINED} exit"),
        (BasicBlock, "layer2.0", "layer2.1", 16, 4, f"{JOINED} exit"),
        (BasicBlock, "layer3.0", "layer3.0", 32, 2, JOINED),
    ],
    "bottleneck_resnet": [
        (Bottleneck, "layer1.0", "layer1.1", 16, 8, f"{JOINED} exit"),
        (Bottleneck, "layer2.0", "layer2.0", 32, 4, JOINED),
        (Bottleneck, "layer3.0", "layer3.1", 64, 2, f"{JOINED} exit"),
    ],
    "mobilenet": [
        (InvertedResidual, "features.1", "features.2", 8, 16, f"{JOINED} exit"),
        (InvertedResidual, "features.3", "features.4", 12, 8, "serial parallel pre inner exit"),
    ],
    "shufflenet": [
        (ShuffleUnit, "stage2.0", "stage2.2", 16, 8, "serial parallel exit"),
        (ShuffleUnit, "stage3.0", "stage3.1", 32, 4, "serial parallel exit"),
    ],
    "vgg": [
        (nn.ReLU, "features.2", "features.2", 8, 32, "serial parallel"),
        (nn.ReLU, "features.6", "features.9", 12, 16, "serial parallel exit"),
        (nn.ReLU, "features.13", "features.13", 16, 8, "serial parallel"),
    ],
    "googlenet": [
        (Inception, "inception3a", "inception3b", 24, 32, "serial parallel inner exit"),
        (Inception, "inception4a", "inception4a", 32, 16, "serial parallel inner"),
    ],
    "convnext": [
        (ConvNeXtBlock, "stage1.0", "stage1.1", 8, 8, f"{JOINED} exit"),
        (ConvNeXtBlock, "stage2.0", "stage2.1", 16, 4, f"{JOINED} exit"),
    ],
    "preact_resnet": [
        (PreActBlock, "layer1.0", "layer1.1", 8, 32, f"{JOINED} exit"),
        (PreActBlock, "layer2.0", "layer2.1", 16, 16, "serial parallel cross post inner exit"),
    ],
    "wide_resnet": [
        (WideBlock, "blocks.0", "blocks.0", 8, 32, "serial parallel"),
        (WideBlock, "blocks.1", "blocks.2", 12, 16, "serial parallel exit"),
    ],
}


@functools.cache
def adopted(name: str) -> seplace.adoption.Adopted:
    return seplace.adopt(trained_like(name), images())


def outputs(network: nn.Module, *, training: bool) -> Tensor:
    """What a copy of a network makes of images, for one random seed."""
    network = copy.deepcopy(network).train(training)
    torch.manual_seed(7)
    return network(images()).detach()


def is_gate(key: str) -> bool:
    return ".attention." in key or ".join." in key
