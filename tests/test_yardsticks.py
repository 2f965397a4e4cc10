import pytest

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import describe
from seplace.space import check_placement
from seplace.yardsticks import yardsticks


def test_of_a_wide_network_with_four_stages():
    assert {name: str(placement) for name, placement in yardsticks(describe("resnet50")).items()} == {
        "none": "none-none-none-none",
        "SE everywhere": "se16-se16-se16-se16",
        "SE in the last stage": "none-none-none-se16",
        "CBAM everywhere": "cbam16-cbam16-cbam16-cbam16",
        "CBAM in the last stage": "none-none-none-cbam16",
        "ECA everywhere": "eca-eca-eca-eca",
        "ECA in the last stage": "none-none-none-eca",
    }


def test_a_narrow_stage_gets_the_greatest_ratio_that_leaves_a_hidden_unit():
    marks = yardsticks(describe("cifar_resnet8[width=0.25]"))  # 4, 8 and 16 channels
    assert str(marks["SE everywhere"]) == "se4-se8-se16"
    assert str(marks["CBAM in the last stage"]) == "none-none-cbam16"


@pytest.mark.parametrize("name", BACKBONES)
def test_they_fit_every_backbone_and_differ(name):
    backbone = describe(name)
    marks = yardsticks(backbone)
    assert next(iter(marks)) == "none"
    assert marks["none"].is_plain
    assert len(set(marks.values())) == 7
    for placement in marks.values():
        check_placement(backbone, placement, init="paper")
