"""Published complexity figures, as printed, each with seplace's network and the convention that it was counted by.

Sources: `se` (Hu et al., 2020, arXiv:1709.01507), `cbam` (Woo et al., 2018, arXiv:1807.06521), `eca` (Wang et al.,
2020, arXiv:1910.03151), `released` (parameters of published models), `formula` (parameters and multiply-adds from the
definitions of networks and modules).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seplace.bench.conventions import (
    CBAM_GIGA,
    CBAM_PARAMS,
    ECA_GIGA,
    ECA_MEGA,
    ECA_PARAMS,
    GIGA,
    MACS,
    NORM_GIGA,
    PARAMS,
    SE_GIGA,
    SE_MEGA,
    SE_PARAMS,
    Convention,
    Counted,
    number,
)
from seplace.errors import UnknownName

Source = Literal["se", "cbam", "eca", "released", "formula"]
SOURCES: tuple[Source, ...] = ("se", "cbam", "eca", "released", "formula")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A published figure: its table, its network, and the known difference to seplace's figure."""

    source: Source
    table: str
    network: str
    backbone: str
    placement: str
    """A placement, or one choice that stands in every stage."""
    convention: Convention
    printed: str

    @property
    def known(self) -> tuple[str, str]:
        """The known difference of seplace's figure and its reason; `0` and an empty text without one."""
        return DIFFERENCES.get((self.table, self.network, self.convention.quantity), ("0", ""))

    def compare(self, counted: Counted) -> dict[str, Any]:
        """Return the row of a table: the published figure, seplace's, and whether they differ as known."""
        ours = self.convention.printed(counted, like=self.printed)
        difference = number(ours) - number(self.printed)
        expected, reason = self.known
        unexpected = "" if difference == number(expected) else f" (known to differ by {expected})"
        return {
            "source": self.source,
            "table": self.table,
            "network": self.network,
            "backbone": self.backbone,
            "placement": self.placement,
            "quantity": self.convention.quantity,
            "unit": self.convention.unit,
            "published": self.printed,
            "ours": ours,
            "difference": float(difference),
            "convention": self.convention.rule,
            "verdict": f"differs: {reason or 'unexpected'}{unexpected}" if difference else f"equal{unexpected}",
        }


def figures(sources: Sequence[str]) -> list[Figure]:
    """Return the figures of some sources, of all without one; raises UnknownName for an unknown source."""
    for source in sources:
        if source not in SOURCES:
            raise UnknownName("source of published figures", source, SOURCES)
    return [figure for figure in FIGURES if not sources or figure.source in sources]


_NEAR = "the rule comes within 0.01 and rounds to the other side"
_POOLED = "would be equal if the elements that the channel gates average were counted too"
_UNSCALED = "would be equal without the elements that gates scale, which other rows count"
_PIXELS = "not reproduced; ours has the parameters of the released model, at 299x299 pixels"
_UNKNOWN = "not reproduced, for an unknown reason"
_SITES = "the paper's MobileNet has a module after each of its 27 convolutions, ours after each of 13 blocks"
_MLP = "would be equal without the biases of CBAM's MLP, which its authors' code has"
_TWICE = "would be equal with linear layers at two a multiply-add and averaged elements counted"

DIFFERENCES: dict[tuple[str, str, str], tuple[str, str]] = {
    ("SE 2", "ResNet-101 + SE", "FLOPs"): ("-0.01", _POOLED),
    ("SE 2", "ResNeXt-50 32x4d + SE", "FLOPs"): ("-0.01", _POOLED),
    ("SE 2", "ResNeXt-101 32x4d", "FLOPs"): ("-0.01", _NEAR),
    ("SE 2", "ResNeXt-101 32x4d + SE", "FLOPs"): ("-0.01", _POOLED),
    ("SE 2", "BN-Inception + SE", "FLOPs"): ("-0.01", _POOLED),
    ("SE 2", "Inception-ResNet-v2", "FLOPs"): ("1.43", _PIXELS),
    ("SE 2", "Inception-ResNet-v2 + SE", "FLOPs"): ("1.44", _PIXELS),
    ("SE 3", "MobileNet", "params"): ("0.1", "would be equal without running statistics"),
    ("SE 3", "ShuffleNet 1x g=3", "FLOPs"): ("-1", _UNKNOWN),
    ("SE 3", "ShuffleNet 1x g=3 + SE", "FLOPs"): ("-1", _UNKNOWN),
    ("SE 3", "ShuffleNet 1x g=3", "params"): ("0.1", _UNKNOWN),
    ("SE 3", "ShuffleNet 1x g=3 + SE", "params"): ("0.1", _UNKNOWN),
    ("SE 10", "ResNet-50 + SE r=8", "params"): ("-0.1", "the rule of the other ratios gives 30.64"),
    ("SE 13", "ResNet-50 + SE in stage 2", "FLOPs"): ("0.01", _UNSCALED),
    ("SE 13", "ResNet-50 + SE in stage 3", "FLOPs"): ("0.01", _UNSCALED),
    ("SE 13", "ResNet-50 + SE in stage 4", "FLOPs"): ("0.01", _UNSCALED),
    ("SE 16", "ResNet-50 + NoSqueeze", "FLOPs"): ("0.01", _UNSCALED),
    ("CBAM", "MobileNet + SE", "params"): ("-0.35", _SITES),
    ("CBAM", "MobileNet + CBAM", "params"): ("-0.35", _SITES),
    ("CBAM", "MobileNet + SE", "FLOPs"): ("-0.001", _SITES),
    ("CBAM", "MobileNet + CBAM", "FLOPs"): ("-0.004", _SITES),
    ("CBAM", "MobileNet x0.7 + SE", "params"): ("-0.18", _SITES),
    ("CBAM", "MobileNet x0.7 + CBAM", "params"): ("-0.18", _SITES),
    ("CBAM", "MobileNet x0.7 + CBAM", "FLOPs"): ("-0.003", _SITES),
    ("ECA 3", "ResNet-50 + CBAM", "params"): ("0.02", _MLP),
    ("ECA 3", "ResNet-101 + CBAM", "params"): ("0.03", _MLP),
    ("ECA 3", "ResNet-50 + SE", "FLOPs"): ("-0.01", _POOLED),
    ("ECA 3", "ResNet-50 + CBAM", "FLOPs"): ("-0.01", _POOLED),
    ("ECA 3", "ResNet-101 + SE", "FLOPs"): ("-0.01", _POOLED),
    ("ECA 3", "ResNet-101 + ECA", "FLOPs"): ("-0.01", _POOLED),
    ("ECA 3", "ResNet-152", "FLOPs"): ("0.01", _NEAR),
    ("ECA 3", "ResNet-152 + SE", "FLOPs"): ("-0.02", f"{_UNKNOWN} (10.84 with averaged elements counted)"),
    ("ECA 3", "MobileNetV2", "FLOPs"): ("-1.3", _TWICE),
    ("ECA 3", "MobileNetV2 + SE r=8", "FLOPs"): ("-1.9", _TWICE),
    ("ECA 3", "MobileNetV2 + ECA", "FLOPs"): (
        "-1.8",
        "as for MobileNetV2, within 0.1; the paper's kernels are 1 below 96 channels and 3 above",
    ),
}
"""The difference (seplace minus published, in the unit) and its reason, by table, network and quantity."""


def _variants(
    source: Source,
    table: str,
    network: str,
    backbone: str,
    *,
    placements: Sequence[tuple[str, str]],
    columns: Sequence[tuple[Convention, str]],
) -> Iterator[Figure]:
    """Yield the figures of one row of a table: in each column those of the plain network and its variants, in order."""
    for convention, texts in columns:
        for (suffix, placement), printed in zip(placements, texts.split(), strict=True):
            yield Figure(
                source=source,
                table=table,
                network=f"{network}{suffix}",
                backbone=backbone,
                placement=placement,
                convention=convention,
                printed=printed,
            )


_SE = (("", "none"), (" + SE", "se16"))
_R50 = "resnet50_v1"


def _se_figures() -> Iterator[Figure]:
    # Here ResNets have the stride of a bottleneck in the first 1x1 convolution, ResNeXts in the 3x3.
    for network, backbone, giga in (
        ("ResNet-50", _R50, "3.86 3.87"),
        ("ResNet-101", "resnet101_v1", "7.58 7.60"),
        ("ResNet-152", "resnet152_v1", "11.30 11.32"),
        ("ResNeXt-50 32x4d", "resnext50_32x4d", "4.24 4.25"),
        ("ResNeXt-101 32x4d", "resnext101_32x4d", "7.99 8.00"),
        ("VGG-16", "vgg16_bn", "15.47 15.48"),
        ("BN-Inception", "bn_inception", "2.03 2.04"),
        ("Inception-ResNet-v2", "inception_resnet_v2", "11.75 11.76"),
    ):
        yield from _variants("se", "SE 2", network, backbone, placements=_SE, columns=[(SE_GIGA, giga)])
    for network, backbone, mega, params in (
        ("MobileNet", "mobilenet_v1", "569 572", "4.2 4.7"),
        ("ShuffleNet 1x g=3", "shufflenet_g3", "140 142", "1.8 2.4"),
    ):
        columns = [(SE_MEGA, mega), (SE_PARAMS, params)]
        yield from _variants("se", "SE 3", network, backbone, placements=_SE, columns=columns)
    ratios = [(f" + SE r={ratio}", f"se{ratio}") for ratio in (2, 4, 8, 16, 32)]
    yield from _variants(
        "se",
        "SE 10",
        "ResNet-50",
        _R50,
        placements=[*ratios, ("", "none")],
        columns=[(SE_PARAMS, "45.7 35.7 30.7 28.1 26.9 25.6")],
    )
    # The paper counts the stem as stage 1, so that its stage 2 is our stage 1.
    stages = [
        (" + SE in stage 2", "se16-none-none-none"),
        (" + SE in stage 3", "none-se16-none-none"),
        (" + SE in stage 4", "none-none-se16-none"),
        (" + SE in all stages", "se16"),
    ]
    columns = [(SE_GIGA, "3.86 3.86 3.86 3.87"), (SE_PARAMS, "25.6 25.7 26.4 28.1")]
    yield from _variants("se", "SE 13", "ResNet-50", _R50, placements=stages, columns=columns)
    within = [(" + SE", "se16"), (" + SE after the 3x3", "se16.inner")]
    yield from _variants("se", "SE 15", "ResNet-50", _R50, placements=within, columns=[(SE_PARAMS, "28.1 25.8")])
    squeezes = [(" + NoSqueeze", "se[squeeze=none]16"), (" + SE", "se16")]
    yield from _variants("se", "SE 16", "ResNet-50", _R50, placements=squeezes, columns=[(SE_GIGA, "4.27 3.87")])


def _cbam_figures() -> Iterator[Figure]:
    variants = (("", "none"), (" + SE", "se[bias=yes]16"), (" + CBAM", "cbam16"))
    for network, backbone, params, giga in (
        ("ResNet-18", "resnet18", "11.69 11.78 11.78", "1.814 1.814 1.815"),
        ("ResNet-34", "resnet34", "21.80 21.96 21.96", "3.664 3.664 3.665"),
        ("ResNet-50", _R50, "25.56 28.09 28.09", "3.858 3.860 3.864"),
        ("ResNet-101", "resnet101_v1", "44.55 49.33 49.33", "7.570 7.575 7.581"),
        ("WideResNet-18 x1.5", "wide_resnet18_x1_5", "25.88 26.07 26.08", "3.866 3.867 3.868"),
        ("WideResNet-18 x2", "wide_resnet18_x2", "45.62 45.97 45.97", "6.696 6.696 6.697"),
        ("ResNeXt-50 32x4d", "resnext50_32x4d_v1", "25.03 27.56 27.56", "3.768 3.771 3.774"),
        ("ResNeXt-101 32x4d", "resnext101_32x4d_v1", "44.18 48.96 48.96", "7.508 7.512 7.519"),
        ("MobileNet", "mobilenet_v1", "4.23 5.07 5.07", "0.569 0.570 0.576"),
        ("MobileNet x0.7", "mobilenet_v1[width=0.7]", "2.30 2.71 2.71", "0.283 0.283 0.289"),
    ):
        columns = [(CBAM_PARAMS, params), (CBAM_GIGA, giga)]
        yield from _variants("cbam", "CBAM", network, backbone, placements=variants, columns=columns)
    kernels = [(" + CBAM k=3", "cbam[kernel=3]16"), (" + CBAM k=7", "cbam16")]
    columns = [(CBAM_PARAMS, "28.09 28.09"), (CBAM_GIGA, "3.863 3.864")]
    yield from _variants("cbam", "CBAM 2", "ResNet-50", _R50, placements=kernels, columns=columns)


def _eca_figures() -> Iterator[Figure]:
    se, cbam, eca = (" + SE", "se16"), (" + CBAM", "cbam16"), (" + ECA", "eca")
    plain = ("", "none")
    for network, backbone, variants, params, giga in (
        ("ResNet-50", "resnet50", (plain, se, cbam, eca), "24.37 26.77 26.77 24.37", "3.86 3.87 3.87 3.86"),
        ("ResNet-101", "resnet101", (plain, se, cbam, eca), "42.49 47.01 47.01 42.49", "7.34 7.35 7.35 7.35"),
        ("ResNet-152", "resnet152", (plain, se, eca), "57.40 63.68 57.40", "10.82 10.85 10.83"),
    ):
        columns = [(ECA_PARAMS, params), (ECA_GIGA, giga)]
        yield from _variants("eca", "ECA 3", network, backbone, placements=variants, columns=columns)
    columns = [(ECA_PARAMS, "3.34 3.40 3.34"), (ECA_MEGA, "319.4 320.1 319.9")]
    variants = (plain, (" + SE r=8", "se8"), eca)
    yield from _variants("eca", "ECA 3", "MobileNetV2", "mobilenet_v2", placements=variants, columns=columns)


def _released_figures() -> Iterator[Figure]:
    for table, backbone, params in (
        ("torchvision", "resnet18", "11,689,512"),
        ("torchvision", "resnet34", "21,797,672"),
        ("torchvision", "resnet50", "25,557,032"),
        ("torchvision", "resnet101", "44,549,160"),
        ("torchvision", "resnet152", "60,192,808"),
        ("torchvision", "resnext50_32x4d", "25,028,904"),
        ("torchvision", "vgg11_bn", "132,868,840"),
        ("torchvision", "vgg13_bn", "133,053,736"),
        ("torchvision", "vgg16_bn", "138,365,992"),
        ("torchvision", "vgg19_bn", "143,678,248"),
        ("torchvision", "mobilenet_v2", "3,504,872"),
        ("timm", "inception_resnet_v2", "55,843,464"),
        ("torchvision", "googlenet", "6,624,904"),
        ("Cadene", "bn_inception", "11,295,240"),
        ("published", "densenet_bc100_12", "769,162"),
        ("published", "wrn28_10", "36,479,194"),
        ("published", "wrn16_8", "10,961,370"),
        ("published", "preact_resnet164", "1,703,258"),
    ):
        columns = [(PARAMS, params)]
        yield from _variants("released", table, backbone, backbone, placements=[("", "none")], columns=columns)
    for backbone, placement, params in (
        ("mobilenet_v3_small", "native-none-native-native", "2,542,856"),
        ("mobilenet_v3_large", "none-none-native-native-native", "5,483,032"),
    ):
        variants = [(" with its own SE", placement)]
        columns = [(PARAMS, params)]
        yield from _variants("released", "torchvision", backbone, backbone, placements=variants, columns=columns)

    gates = [(" with its own SE", "se[bias=yes]16")]
    for table, convention, printed in (("Cadene", PARAMS, "115,088,984"), ("timm", NORM_GIGA, "20.77")):
        columns = [(convention, printed)]
        yield from _variants("released", table, "senet154", "senet154", placements=gates, columns=columns)
    columns = [(GIGA, "1.50")]
    yield from _variants(
        "released", "torchvision", "googlenet", "googlenet", placements=[("", "none")], columns=columns
    )


def _formula_figures() -> Iterator[Figure]:
    for network, backbone, placement, params, macs in (
        ("ResNet-18", "resnet18", "none", "11,689,512", "1,814,073,344"),
        ("ResNet-50", _R50, "none", "25,557,032", "3,857,973,248"),
        ("ResNet-50 + SE", _R50, "se16", "28,071,976", "3,860,488,192"),
        ("ResNet-50 + SE r=2", _R50, "se2", "45,676,584", "3,878,092,800"),
        ("ResNet-50 + SE r=4", _R50, "se4", "35,616,808", "3,868,033,024"),
        ("ResNet-50 + SE r=8", _R50, "se8", "30,586,920", "3,863,003,136"),
        ("ResNet-50 + SE r=32", _R50, "se32", "26,814,504", "3,859,230,720"),
        ("ResNet-50 + SE in stage 3", _R50, "none-se16-none-none", "25,688,104", "3,858,104,320"),
        ("ResNet-50 + SE pre (SE 14)", _R50, "se16.pre", "27,548,200", "3,859,964,416"),
        ("ResNet-50 + SE post (SE 14)", _R50, "se16.post", "28,071,976", "3,860,488,192"),
        ("ResNet-50 + SE identity (SE 14)", _R50, "se16.parallel", "28,071,976", "3,860,488,192"),
        ("ResNet-50 + CBAM", _R50, "cbam16", "28,089,624", "3,864,362,102"),
        ("ResNet-50 + ECA", _R50, "eca", "25,557,118", "3,858,061,056"),
        ("ResNet-50 v1.5", "resnet50", "none", "25,557,032", "4,089,184,256"),
        ("ResNet-50 v1.5 + SE", "resnet50", "se16", "28,071,976", "4,091,699,200"),
        ("ResNet-50 v1.5 + CBAM", "resnet50", "cbam16", "28,089,624", "4,095,573,110"),
        ("CIFAR ResNet-20", "cifar_resnet20", "none", "269,722", "40,551,040"),
        ("CIFAR ResNet-20 + SE", "cifar_resnet20", "se16", "271,738", "40,553,056"),
        ("CIFAR ResNet-20 + CBAM", "cifar_resnet20", "cbam16", "272,995", "40,950,208"),
        ("CIFAR ResNet-20 + ECA", "cifar_resnet20", "eca", "269,749", "40,552,048"),
    ):
        columns = [(PARAMS, params), (MACS, macs)]
        yield from _variants("formula", "formula", network, backbone, placements=[("", placement)], columns=columns)


FIGURES: tuple[Figure, ...] = (
    *_se_figures(),
    *_cbam_figures(),
    *_eca_figures(),
    *_released_figures(),
    *_formula_figures(),
)
