"""The sizes of the backbones at their usual image size and number of classes, and where they were published.

They are counted, and stand here so that a list of backbones builds none of them.
"""

from __future__ import annotations

from typing import NamedTuple


class Figures(NamedTuple):
    """The size of a plain backbone."""

    params: int
    macs: int
    """Multiply-adds of one image."""
    arxiv: str
    """The number of the paper that describes the network."""


FIGURES = {
    "cifar_resnet8": Figures(75_290, 12_239_488, "1512.03385"),
    "cifar_resnet14": Figures(172_506, 26_395_264, "1512.03385"),
    "cifar_resnet20": Figures(269_722, 40_551_040, "1512.03385"),
    "cifar_resnet32": Figures(464_154, 68_862_592, "1512.03385"),
    "cifar_resnet44": Figures(658_586, 97_174_144, "1512.03385"),
    "cifar_resnet56": Figures(853_018, 125_485_696, "1512.03385"),
    "cifar_resnet110": Figures(1_727_962, 252_887_680, "1512.03385"),
    "resnet18": Figures(11_689_512, 1_814_073_344, "1512.03385"),
    "resnet34": Figures(21_797_672, 3_663_761_408, "1512.03385"),
    "resnet50": Figures(25_557_032, 4_089_184_256, "1512.03385"),
    "resnet101": Figures(44_549_160, 7_801_405_440, "1512.03385"),
    "resnet152": Figures(60_192_808, 11_513_626_624, "1512.03385"),
    "resnet50_v1": Figures(25_557_032, 3_857_973_248, "1512.03385"),
    "resnet101_v1": Figures(44_549_160, 7_570_194_432, "1512.03385"),
    "resnet152_v1": Figures(60_192_808, 11_282_415_616, "1512.03385"),
    "resnext50_32x4d": Figures(25_028_904, 4_230_479_872, "1611.05431"),
    "resnext101_32x4d": Figures(44_177_704, 7_969_996_800, "1611.05431"),
    "resnext50_32x4d_v1": Figures(25_028_904, 3_768_057_856, "1611.05431"),
    "resnext101_32x4d_v1": Figures(44_177_704, 7_507_574_784, "1611.05431"),
    "senet154": Figures(108_459_944, 20_681_785_344, "1709.01507"),
    "wide_resnet18_x1_5": Figures(25_875_816, 3_866_327_040, "1807.06521"),
    "wide_resnet18_x2": Figures(45_618_216, 6_695_706_624, "1807.06521"),
    "wrn16_8": Figures(10_961_370, 1_548_145_664, "1605.07146"),
    "wrn28_10": Figures(36_479_194, 5_243_328_768, "1605.07146"),
    "preact_resnet110": Figures(1_727_962, 252_887_680, "1603.05027"),
    "preact_resnet164": Figures(1_703_258, 244_500_992, "1603.05027"),
    "vgg11_bn": Figures(132_868_840, 7_609_090_048, "1409.1556"),
    "vgg13_bn": Figures(133_053_736, 11_308_466_176, "1409.1556"),
    "vgg16_bn": Figures(138_365_992, 15_470_264_320, "1409.1556"),
    "vgg19_bn": Figures(143_678_248, 19_632_062_464, "1409.1556"),
    "densenet_bc100_12": Figures(769_162, 287_929_692, "1608.06993"),
    "googlenet": Figures(6_624_904, 1_498_376_192, "1409.4842"),
    "bn_inception": Figures(11_295_240, 2_032_600_064, "1502.03167"),
    "inception_resnet_v2": Figures(55_843_464, 13_155_794_016, "1602.07261"),
    "mobilenet_v1": Figures(4_231_976, 568_740_352, "1704.04861"),
    "mobilenet_v2": Figures(3_504_872, 300_774_272, "1801.04381"),
    "mobilenet_v3_small": Figures(2_081_216, 56_051_648, "1905.02244"),
    "mobilenet_v3_large": Figures(3_970_752, 215_082_560, "1905.02244"),
    "shufflenet_g3": Figures(1_865_728, 137_460_672, "1707.01083"),
}
"""By name; an entry of the shelf that is not here is listed without figures."""
