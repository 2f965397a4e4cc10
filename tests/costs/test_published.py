"""Complexity figures that papers and other code bases agree on, to the integer, at 224x224 or 32x32."""

import pytest
import torch

from seplace.backbones.backbone import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.networks import shaped_network_of

V1, V1_5 = "resnet50_v1", "resnet50"

FIGURES = [
    pytest.param("resnet18", "none", 11_689_512, 1_814_073_344, id="ResNet-18"),
    pytest.param(V1, "none", 25_557_032, 3_857_973_248, id="ResNet-50"),
    pytest.param(V1_5, "none", 25_557_032, 4_089_184_256, id="ResNet-50 v1.5"),
    pytest.param(V1, "se16", 28_071_976, 3_860_488_192, id="SE 16"),
    pytest.param(V1_5, "se16", 28_071_976, 4_091_699_200, id="SE 16 v1.5"),
    pytest.param(V1, "se2", 45_676_584, 3_878_092_800, id="SE 2"),
    pytest.param(V1, "se4", 35_616_808, 3_868_033_024, id="SE 4"),
    pytest.param(V1, "se8", 30_586_920, 3_863_003_136, id="SE 8"),
    pytest.param(V1, "se32", 26_814_504, 3_859_230_720, id="SE 32"),
    # The SE paper counts the stem as its stage 1: its stage 3 is the second residual stage.
    pytest.param(V1, "none-se16-none-none", 25_688_104, 3_858_104_320, id="SE 16 on the paper's stage 3"),
    pytest.param(V1, "se16.pre", 27_548_200, 3_859_964_416, id="SE 16 pre"),
    pytest.param(V1, "cbam16", 28_089_624, 3_864_362_102, id="CBAM 16"),
    pytest.param(V1_5, "cbam16", 28_089_624, 4_095_573_110, id="CBAM 16 v1.5"),
    pytest.param(V1, "eca", 25_557_118, 3_858_061_056, id="ECA"),
    pytest.param("cifar_resnet20", "none", 269_722, 40_551_040, id="CIFAR ResNet-20"),
    pytest.param("cifar_resnet20", "se16", 269_722 + 2_016, 40_551_040 + 2_016, id="CIFAR SE 16"),
    pytest.param("cifar_resnet20", "cbam16", 269_722 + 3_273, 40_551_040 + 399_168, id="CIFAR CBAM 16"),
    pytest.param("cifar_resnet20", "eca", 269_722 + 27, 40_551_040 + 1_008, id="CIFAR ECA"),
]


@pytest.mark.parametrize(("backbone", "placement", "parameters", "multiply_adds"), FIGURES)
def test_published_figures(backbone: str, placement: str, parameters: int, multiply_adds: int) -> None:
    network = shaped_network_of(backbone, placement)
    side = describe(backbone).image_size
    images = torch.zeros(1, 3, side, side)
    assert params(network, images) == parameters
    assert macs(network, images) == multiply_adds
