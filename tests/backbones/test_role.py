"""What every backbone must do, whatever its blocks are."""

import subprocess
import sys

import pytest

from seplace.backbones import BACKBONES
from seplace.backbones.describe import describe
from seplace.testing import backbones
from tests.marks import in_the_long_form

ONE_A_CLASS = {describe(name).network: name for name in reversed(list(BACKBONES))}.values()
"""A network class is given classes and channels when a backbone is built; its depth and width do not matter."""

SLOW = ("preact_resnet110", "preact_resnet164", "inception_resnet_v2")
"""Deep networks, whose blocks stand in others, too."""

DEEP = (
    "cifar_resnet110", "preact_resnet164", "resnet101", "resnet152", "resnet101_v1", "resnet152_v1",
    "resnext101_32x4d", "resnext101_32x4d_v1", "wrn28_10",
)  # fmt: skip
"""Only deeper than another entry, made of the same blocks by the same code."""


def test_describing_all_of_them_needs_no_torch() -> None:
    program = (
        "import sys\n"
        "from seplace.backbones import BACKBONES\n"
        "from seplace.backbones.describe import describe\n"
        "for name in BACKBONES: describe(name)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        in_the_long_form(check, name)
        if check is backbones.has_the_widths_of_its_attachments and name in DEEP
        else (check, name)
        for check in backbones.CHECKS
        for name in BACKBONES
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_an_entry_does_what_its_shelf_asks(check, name: str) -> None:
    if check is not backbones.takes_other_classes_and_channels or name in ONE_A_CLASS:
        check(name)


@pytest.mark.parametrize(
    "name", [in_the_long_form(name) if name in SLOW or name.endswith("_v1") else name for name in ONE_A_CLASS]
)
@pytest.mark.parametrize("tracer", ["torch.fx", in_the_long_form("torch.jit.script")])
def test_a_network_can_be_traced(name: str, tracer: str) -> None:
    backbones.can_be_traced(name, tracer=tracer)


@pytest.mark.parametrize("name", BACKBONES)
def test_blocks_of_a_catalogue_network_are_numbered(name: str) -> None:
    stages = backbones.shared(name).stages
    for number, stage in enumerate(describe(name).stages):
        assert [site.path for site in stage.sites] == [f"stages.{number}.{at}" for at in range(len(stages[number]))]
