"""Every published figure beside ours: equal to the printed digit, or different by exactly the stated difference."""

import functools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from seplace.backbones.describe import describe
from seplace.bench.conventions import (
    CBAM_GIGA,
    CBAM_PARAMS,
    ECA_GIGA,
    ECA_MEGA,
    ECA_PARAMS,
    MACS,
    PARAMS,
    SE_GIGA,
    SE_MEGA,
    SE_PARAMS,
    Convention,
)
from seplace.bench.measuring import Counts, Subject
from seplace.bench.published import DIFFERENCES, FIGURES, SOURCES, Figure, figures
from seplace.errors import UnknownName
from tests.bench.released import released
from tests.marks import in_the_long_form
from tests.networks import placed

DEEP = ("resnet101", "resnet152", "resnext101", "senet154", "inception_resnet_v2")
"""Networks whose operators take a second and more to count; the shallower ones have the same blocks."""


@functools.cache
def counts_of(backbone: str, placement: str) -> Counts:
    described = describe(backbone)
    return Counts(
        Subject(
            backbone=described,
            placement=placed(backbone, placement),
            image_size=described.image_size,
            num_classes=described.num_classes,
        )
    )


def name_of(figure: Figure) -> str:
    return f"{figure.table}, {figure.network}, {figure.convention.quantity}"


def is_deep(backbone: str) -> bool:
    return backbone.startswith(DEEP)


RATIOS = ("se2", "se4", "se8")
"""Ratios of the tables beside 16 and 32: of the same operators, on other widths."""


NETWORKS = sorted({(figure.backbone, figure.placement) for figure in FIGURES})


@pytest.mark.parametrize(
    ("backbone", "placement"),
    [in_the_long_form(*network) if is_deep(network[0]) or network[1] in RATIOS else network for network in NETWORKS],
)
def test_the_figures_of_a_network_are_equal_or_differ_as_stated(backbone: str, placement: str) -> None:
    for figure in FIGURES:
        if (figure.backbone, figure.placement) != (backbone, placement):
            continue
        assert_equal_or_differs_as_stated(figure)


def test_the_parameters_of_deep_networks_and_other_ratios_are_equal_or_differ_as_stated() -> None:
    parameters = [figure for figure in FIGURES if figure.convention.quantity == "params"]
    figures = [figure for figure in parameters if is_deep(figure.backbone) or figure.placement in RATIOS]
    assert {figure.backbone.partition("_")[0] for figure in figures} >= {"resnet101", "resnet152", "senet154"}
    for figure in figures:
        assert_equal_or_differs_as_stated(figure)


def assert_equal_or_differs_as_stated(figure: Figure) -> None:
    row = figure.compare(counts_of(figure.backbone, figure.placement))
    difference, reason = figure.known
    assert row["difference"] == float(difference), name_of(figure)
    assert row["verdict"] == (f"differs: {reason}" if reason else "equal"), name_of(figure)
    assert (row["ours"] == figure.printed) == (reason == ""), name_of(figure)


def differing(reason: str) -> list[Any]:
    figures = [figure for figure in FIGURES if reason in figure.known[1]]
    return [in_the_long_form(figure) if is_deep(figure.backbone) else figure for figure in figures]


@pytest.mark.parametrize("figure", differing("gates average were counted"), ids=name_of)
def test_with_averaged_elements_the_figures_are_equal(figure: Figure) -> None:
    counts = counts_of(figure.backbone, figure.placement)
    # A gate scales as many elements as it averages over; CBAM scales them twice.
    pooled = counts.operators["mul"] // (2 if "CBAM" in figure.network else 1)
    value = (figure.convention.count(counts) + pooled) / figure.convention.divisor
    assert f"{value:.2f}" == figure.printed


@pytest.mark.parametrize("figure", differing("without the elements that gates scale"), ids=name_of)
def test_without_scaled_elements_the_figures_are_equal(figure: Figure) -> None:
    counts = counts_of(figure.backbone, figure.placement)
    assert f"{(counts.macs + counts.operators['add']) / 10**9:.2f}" == figure.printed


@pytest.mark.parametrize("figure", differing("without the biases of CBAM's MLP"), ids=name_of)
def test_without_the_biases_of_the_mlp_the_figures_are_equal(figure: Figure) -> None:
    blocks = {"ResNet-50 + CBAM": (3, 4, 6, 3), "ResNet-101 + CBAM": (3, 4, 23, 3)}[figure.network]
    biases = sum(count * (width + width // 16) for count, width in zip(blocks, (256, 512, 1024, 2048), strict=True))
    assert f"{(counts_of(figure.backbone, figure.placement).params - biases) / 2**20:.2f}" == figure.printed


def test_27_sites_of_the_mobilenet_of_the_cbam_paper() -> None:
    pointwise = [64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    depthwise = [32, *pointwise[:-1]]
    sites = [32, *depthwise, *pointwise]
    assert len(sites) == 27
    added = sum(2 * width * (width // 16) + width + width // 16 for width in sites)
    assert f"{(counts_of('mobilenet_v1', 'none').params + added) / 10**6:.2f}" == "5.07"


GATED = ("", " + SE")
EVERY_TABLE = {
    "SE 2": [
        network + gate
        for network in (
            "ResNet-50",
            "ResNet-101",
            "ResNet-152",
            "ResNeXt-50 32x4d",
            "ResNeXt-101 32x4d",
            "VGG-16",
            "BN-Inception",
            "Inception-ResNet-v2",
        )
        for gate in GATED
    ],
    "SE 3": [network + gate for network in ("MobileNet", "ShuffleNet 1x g=3") for gate in GATED] * 2,
    "SE 10": ["ResNet-50", *(f"ResNet-50 + SE r={ratio}" for ratio in (2, 4, 8, 16, 32))],
    "SE 13": [f"ResNet-50 + SE in {place}" for place in ("stage 2", "stage 3", "stage 4", "all stages")] * 2,
    "SE 15": ["ResNet-50 + SE", "ResNet-50 + SE after the 3x3"],
    "SE 16": ["ResNet-50 + NoSqueeze", "ResNet-50 + SE"],
    "CBAM 2": ["ResNet-50 + CBAM k=3", "ResNet-50 + CBAM k=7"] * 2,
    "CBAM": [
        network + gate
        for network in (
            "ResNet-18",
            "ResNet-34",
            "ResNet-50",
            "ResNet-101",
            "WideResNet-18 x1.5",
            "WideResNet-18 x2",
            "ResNeXt-50 32x4d",
            "ResNeXt-101 32x4d",
            "MobileNet",
            "MobileNet x0.7",
        )
        for gate in (*GATED, " + CBAM")
    ]
    * 2,
    "ECA 3": [
        *(f"{network}{gate}" for network in ("ResNet-50", "ResNet-101") for gate in (*GATED, " + CBAM", " + ECA")),
        *("ResNet-152", "ResNet-152 + SE", "ResNet-152 + ECA"),
        *("MobileNetV2", "MobileNetV2 + SE r=8", "MobileNetV2 + ECA"),
    ]
    * 2,
}


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_no_row_of_a_table_is_missing(table: str) -> None:
    assert Counter(figure.network for figure in FIGURES if figure.table == table) == Counter(EVERY_TABLE[table])


def test_the_papers_have_no_other_tables() -> None:
    assert {figure.table for figure in FIGURES if figure.source in ("se", "cbam", "eca")} == set(EVERY_TABLE)


def test_a_figure_is_listed_once_and_a_difference_is_of_a_figure() -> None:
    keys = [(figure.table, figure.network, figure.convention.quantity) for figure in FIGURES]
    assert len(set(keys)) == len(keys)
    assert set(DIFFERENCES) <= set(keys)
    assert all(float(difference) and reason for difference, reason in DIFFERENCES.values())


@dataclass(frozen=True)
class Made:
    """Made-up counts."""

    params: int = 3_000_000
    running_statistics: int = 40_000
    macs: int = 2_000_000_000
    operators: dict[str, int] = field(
        default_factory=lambda: {
            "conv": 2_000_000_000,
            "batch_norm": 2 * 30_000_000,
            "relu_": 7_000_000,
            "hardtanh_": 1_000_000,
            "add": 5_000_000,
            "mul": 6_000_000,
            "mean": 900_000_000,
        }
    )


@pytest.mark.parametrize(
    ("convention", "like", "expected"),
    [
        pytest.param(PARAMS, "1", "3,000,000", id="parameters"),
        pytest.param(MACS, "1", "2,000,000,000", id="MACs"),
        pytest.param(SE_PARAMS, "1.00", "3.04", id="with running statistics"),
        pytest.param(SE_GIGA, "1.000", "2.011", id="additions and scalings"),
        pytest.param(SE_MEGA, "1", "2,011", id="the same in millions"),
        pytest.param(CBAM_PARAMS, "1.00", "3.00", id="millions of parameters"),
        pytest.param(CBAM_GIGA, "1.000", "2.000", id="multiply-adds alone"),
        pytest.param(ECA_PARAMS, "1.00", "2.86", id="3,000,000 / 1,048,576 = 2.861"),
        pytest.param(ECA_GIGA, "1.000", "1.982", id="2.128e9 / 1,073,741,824 = 1.9819"),
        pytest.param(ECA_MEGA, "1.0", "2,029.4", id="2.128e9 / 1,048,576 = 2029.42"),
    ],
)
def test_conventions_by_arithmetic(convention: Convention, like: str, expected: str) -> None:
    assert convention.printed(Made(), like=like) == expected


@pytest.mark.parametrize(("params", "expected"), [(24_999, "0.02"), (25_000, "0.03"), (34_999, "0.03")])
def test_halves_are_rounded_up(params: int, expected: str) -> None:
    assert CBAM_PARAMS.printed(Made(params=params), like="0.00") == expected


def figure_of(network: str, printed: str) -> Figure:
    return Figure(
        source="se",
        table="SE 10",
        network=network,
        backbone="resnet50_v1",
        placement="none",
        convention=SE_PARAMS,
        printed=printed,
    )


@pytest.mark.parametrize(
    ("network", "printed", "difference", "verdict"),
    [
        pytest.param("ResNet-50", "3.04", 0.0, "equal", id="equal"),
        pytest.param("ResNet-50", "3.05", -0.01, "differs: unexpected (known to differ by 0)", id="unexpected"),
        pytest.param(
            "ResNet-50 + SE r=8", "3.1", -0.1, "differs: the rule of the other ratios gives 30.64", id="as known"
        ),
        pytest.param("ResNet-50 + SE r=8", "3.0", 0.0, "equal (known to differ by -0.1)", id="resolved"),
    ],
)
def test_a_verdict(network: str, printed: str, difference: float, verdict: str) -> None:
    row = figure_of(network, printed).compare(Made())
    assert (row["difference"], row["verdict"]) == (difference, verdict)


def test_figures_are_chosen_by_source() -> None:
    assert figures([]) == list(FIGURES)
    assert {figure.source for figure in figures(["cbam", "eca"])} == {"cbam", "eca"}
    assert {figure.source for figure in FIGURES} == set(SOURCES)
    with pytest.raises(UnknownName, match=r"'cbm'\. Did you mean 'cbam'\?"):
        figures(["se", "cbm"])


def test_a_comparison_has_all_columns() -> None:
    rows = released()
    assert len(rows) == 23
    assert rows[0] == {
        "source": "released",
        "table": "torchvision",
        "network": "resnet18",
        "backbone": "resnet18",
        "placement": "none",
        "quantity": "params",
        "unit": "1",
        "published": "11,689,512",
        "ours": "11,689,512",
        "difference": 0.0,
        "convention": "trainable parameters",
        "verdict": "equal",
    }
