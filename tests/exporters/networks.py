"""Trained networks as exporters get them, and networks of a user that no program can hold."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace import models
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs import COSTS
from seplace.datasets.preprocessing import Preprocessing
from seplace.exporters.onnx import onnx_of
from seplace.exporters.trained import TrainedNetwork
from seplace.placement import Placement, StageChoice
from seplace.testing import exporters
from tests.networks import choice_of, takes

PAPER = GateOptions(init="paper")


def trained_network(
    backbone="cifar_resnet8[width=0.5]",
    placement="none-se4-eca.parallel",
    *,
    gate=PAPER,
    image_size=16,
    num_classes=3,
    **changes,
):
    """A network as a training leaves it, with what is told of it."""
    backbone, placement = describe(backbone), Placement.parse(placement)
    network = models.build(backbone, placement, gate=gate, num_classes=num_classes, in_channels=3, seed=7)
    with torch.no_grad():
        for buffer in network.buffers():  # running statistics as a training leaves them
            if buffer.is_floating_point():
                buffer += 0.1
    network.eval()
    fields = {
        "backbone": backbone,
        "placement": placement,
        "gate": gate,
        "num_classes": num_classes,
        "in_channels": 3,
        "image_size": image_size,
        "classes": ("cat", "dog", "newt", "toad", "frog")[:num_classes],
        "preprocessing": Preprocessing(
            channel_order="RGB",
            size=image_size,
            resampling="pillow",
            mean=(0.5, 0.4, 0.3),
            std=(0.2, 0.2, 0.25),
        ),
        "state": network.state_dict(),
        "flops": COSTS["flops"].measure(network, torch.zeros(1, 3, image_size, image_size)),
        "provenance": {
            "study": "quick",
            "seed": 0,
            "n": 3,
            "accuracy": 91.234,
            "accuracy_lower": 90.8,
            "accuracy_upper": 91.65,
            "cross_entropy": float("nan"),
        },
    }
    return TrainedNetwork(**{**fields, **changes})


@functools.cache
def onnx_of_the_role() -> bytes:
    """Writing ONNX takes seconds, and the network of the role suite is the same each time."""
    trained = exporters.trained_network()
    return onnx_of(trained.build(), trained)


class Convolutional(nn.Module):
    """A user's network of one block, whose head is for others to write."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8, 3)

    def features(self, x: Tensor) -> Tensor:
        return self.block(x).mean((2, 3))


class LooksAtValues(Convolutional):
    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        return self.fc(y) if y.mean() > 0 else self.fc(2 * y)


class LooksAtTheNumberOfImages(Convolutional):
    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        return self.fc(y) if len(x) < 4 else self.fc(2 * y)


class IsNeverTheSame(Convolutional):
    """Its dropout does not stop with the training."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.dropout(self.features(x)))


FAMILIES = {
    "cifar_resnet8[width=0.5]": 16, "resnet18[width=0.125]": 32, "resnet50[width=0.125]": 32,
    "resnext50_32x4d[width=0.125]": 32, "preact_resnet110[width=0.25]": 16, "wrn16_8[width=0.125]": 16,
    "vgg11_bn[width=0.125]": 32, "densenet_bc100_12": 16, "bn_inception[width=0.125]": 64,
    "inception_resnet_v2[width=0.125]": 96, "mobilenet_v1[width=0.25]": 32, "mobilenet_v2[width=0.25]": 32,
    "mobilenet_v3_small[width=0.25]": 32, "shufflenet_g3[width=0.25]": 32,
}  # fmt: skip
"""A network of each family, narrow, and the side of its images."""


def placements_of(backbone: str) -> list[str]:
    """As few placements as hold every module that the network takes."""
    units = describe(backbone).units
    choices = []
    for name in ATTENTION.built_in:
        if name == "none" or (name == "native" and not any(unit.has_native_gate for unit in units)):
            continue
        for attachment in ("serial", "inner", "kernel"):
            if takes(name, attachment) and all(attachment in unit.widths for unit in units):
                choices.append(StageChoice(name) if name == "native" else choice_of(name, attachment))
                break
    groups = [choices[at : at + len(units)] for at in range(0, len(choices), len(units))]
    return ["-".join(map(str, [*group, *[StageChoice()] * (len(units) - len(group))])) for group in groups]
