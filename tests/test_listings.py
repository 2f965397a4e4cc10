import seplace
from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES


def test_without_a_pattern_all_names_are_listed_in_the_order_of_the_shelf() -> None:
    assert seplace.list_backbones() == list(BACKBONES)
    assert seplace.list_modules() == list(ATTENTION)
    assert seplace.list_attachments() == list(ATTACHMENTS)


def test_any_of_several_patterns_may_match_the_whole_name() -> None:
    assert seplace.list_backbones("vgg1[13]_bn", "resnet1?") == ["resnet18", "vgg11_bn", "vgg13_bn"]
    assert seplace.list_backbones("resnet") == []
    assert seplace.list_modules("SE") == []
