"""Backbones: each described without torch (its stages, their channels and strides), then built.

A member is a function `describe(**options) -> Backbone`. One file and one line add a member. The text form of a
backbone with options is `cifar_resnet20[shortcut=B,width=0.5]`: sorted, defaults left out.
"""

from seplace.registry import Registry

BACKBONES = Registry(
    "backbone",
    {
        "cifar_resnet8": "seplace.backbones.cifar_resnet:cifar_resnet8",
        "cifar_resnet14": "seplace.backbones.cifar_resnet:cifar_resnet14",
        "cifar_resnet20": "seplace.backbones.cifar_resnet:cifar_resnet20",
        "cifar_resnet32": "seplace.backbones.cifar_resnet:cifar_resnet32",
        "cifar_resnet44": "seplace.backbones.cifar_resnet:cifar_resnet44",
        "cifar_resnet56": "seplace.backbones.cifar_resnet:cifar_resnet56",
        "cifar_resnet110": "seplace.backbones.cifar_resnet:cifar_resnet110",
        "resnet18": "seplace.backbones.resnet:resnet18",
        "resnet34": "seplace.backbones.resnet:resnet34",
        "resnet50": "seplace.backbones.resnet:resnet50",
        "resnet101": "seplace.backbones.resnet:resnet101",
        "resnet152": "seplace.backbones.resnet:resnet152",
        "resnet50_v1": "seplace.backbones.resnet:resnet50_v1",
        "resnet101_v1": "seplace.backbones.resnet:resnet101_v1",
        "resnet152_v1": "seplace.backbones.resnet:resnet152_v1",
    },
)
