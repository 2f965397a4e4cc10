"""The stored sizes of backbones are those that are counted."""

import pytest
import torch

from seplace.backbones import BACKBONES
from seplace.backbones.figures import FIGURES
from seplace.costs import COSTS

QUICK = ("cifar_resnet8", "mobilenet_v3_small")


def line_of(name: str) -> str:
    """The line that `FIGURES` should have, but for the paper."""
    backbone = BACKBONES[name]()
    network = backbone.build(num_classes=backbone.num_classes).eval()
    images = torch.zeros(1, 3, backbone.image_size, backbone.image_size)
    params, macs = (int(COSTS[cost].measure(network, images)) for cost in ("params", "macs"))
    return f'"{name}": Figures({params:_}, {macs:_}, '


def stored(name: str) -> str:
    params, macs, arxiv = FIGURES[name]
    assert arxiv
    return f'"{name}": Figures({params:_}, {macs:_}, '


def test_every_backbone_has_its_figures() -> None:
    assert list(FIGURES) == list(BACKBONES.built_in)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in BACKBONES.built_in]
)
def test_both_are_those_that_are_counted(name: str) -> None:
    assert stored(name) == line_of(name)
