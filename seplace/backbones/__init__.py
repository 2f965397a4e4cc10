"""Backbones: descriptions of networks without torch (stages, channels and attachments), and how to build them.

An entry is a function `describe(**options) -> Backbone`. One file and one line add an entry. The text form of a
backbone with options is `cifar_resnet20[shortcut=B,width=0.5]`: sorted, defaults left out.
"""

from seplace.registry import Entry, Registry

BACKBONES = Registry(
    "backbone",
    Entry,
    group="seplace.backbones",
    entries={
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
        "resnext50_32x4d": "seplace.backbones.resnext:resnext50_32x4d",
        "resnext101_32x4d": "seplace.backbones.resnext:resnext101_32x4d",
        "resnext50_32x4d_v1": "seplace.backbones.resnext:resnext50_32x4d_v1",
        "resnext101_32x4d_v1": "seplace.backbones.resnext:resnext101_32x4d_v1",
        "senet154": "seplace.backbones.senet:senet154",
        "wide_resnet18_x1_5": "seplace.backbones.wide_resnet:wide_resnet18_x1_5",
        "wide_resnet18_x2": "seplace.backbones.wide_resnet:wide_resnet18_x2",
        "wrn16_8": "seplace.backbones.wide_resnet:wrn16_8",
        "wrn28_10": "seplace.backbones.wide_resnet:wrn28_10",
        "preact_resnet110": "seplace.backbones.preact_resnet:preact_resnet110",
        "preact_resnet164": "seplace.backbones.preact_resnet:preact_resnet164",
        "vgg11_bn": "seplace.backbones.vgg:vgg11_bn",
        "vgg13_bn": "seplace.backbones.vgg:vgg13_bn",
        "vgg16_bn": "seplace.backbones.vgg:vgg16_bn",
        "vgg19_bn": "seplace.backbones.vgg:vgg19_bn",
        "densenet_bc100_12": "seplace.backbones.densenet:densenet_bc100_12",
        "googlenet": "seplace.backbones.googlenet:googlenet",
        "bn_inception": "seplace.backbones.inception:bn_inception",
        "inception_resnet_v2": "seplace.backbones.inception:inception_resnet_v2",
        "mobilenet_v1": "seplace.backbones.mobilenet:mobilenet_v1",
        "mobilenet_v2": "seplace.backbones.mobilenet:mobilenet_v2",
        "mobilenet_v3_small": "seplace.backbones.mobilenet:mobilenet_v3_small",
        "mobilenet_v3_large": "seplace.backbones.mobilenet:mobilenet_v3_large",
        "shufflenet_g3": "seplace.backbones.shufflenet:shufflenet_g3",
    },
)
