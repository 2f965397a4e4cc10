"""What every backbone must do, whatever its blocks are."""

import subprocess
import sys

import pytest
import torch

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import describe
from tests.networks import network_of, shaped_network_of

each_backbone = pytest.mark.parametrize("name", BACKBONES)

SMALL = [name for name in BACKBONES if describe(name).stages[-1].channels <= 512 and "110" not in name]
"""Those that are quick to run on a CPU; the others run without values, on the meta device."""


def test_describing_all_of_them_needs_no_torch() -> None:
    program = (
        "import sys\n"
        "from seplace.backbones import BACKBONES\n"
        "from seplace.backbones.backbone import describe\n"
        "for name in BACKBONES: describe(name)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@each_backbone
def test_its_text_is_its_name(name: str) -> None:
    assert describe(name).text == name
    assert describe(describe(name).text) == describe(name)


@each_backbone
def test_its_stages_follow_one_another(name: str) -> None:
    backbone = describe(name)
    for before, stage in zip(backbone.stages[:-1], backbone.stages[1:], strict=True):
        assert stage.in_channels == before.channels
    assert all(stage.blocks >= 1 and stage.stride >= 1 for stage in backbone.stages)
    assert 1 <= backbone.min_image_size <= backbone.image_size


@each_backbone
def test_the_network_has_the_stages_that_were_described(name: str) -> None:
    backbone = describe(name)
    with torch.device("meta"):
        network = network_of(name)
    assert [len(blocks) for blocks in network.stages] == [stage.blocks for stage in backbone.stages]
    for blocks, stage in zip(network.stages, backbone.stages, strict=True):
        widths = [stage.in_channels, *[stage.channels] * stage.blocks]
        assert [block.in_channels for block in blocks] == widths[:-1]
        assert [block.out_channels for block in blocks] == widths[1:]


@each_backbone
@pytest.mark.parametrize("size", ["image_size", "min_image_size"])
def test_maps_have_the_shapes_that_were_described(name: str, size: str) -> None:
    backbone = describe(name)
    side = getattr(backbone, size)
    with torch.device("meta"):
        network = network_of(name, num_classes=7).eval()
        images = torch.zeros(2, 3, side, side)
    shapes = []
    for blocks in network.stages:
        blocks.register_forward_hook(
            lambda _blocks, inputs, output: shapes.append((*inputs[0].shape[1:], *output.shape[1:]))
        )
    assert network(images).shape == (2, 7)
    for (channels, height, width, *output), stage in zip(shapes, backbone.stages, strict=True):
        assert height == width
        assert height % stage.stride == 0, "a stride has something to halve"
        halved = height // stage.stride
        assert channels == stage.in_channels
        assert output == [stage.channels, halved, halved]


@pytest.mark.parametrize("name", SMALL)
def test_it_trains_on_its_smallest_images(name: str) -> None:
    network = network_of(name)
    side = describe(name).min_image_size
    logits = network(torch.randn(2, 3, side, side))
    assert logits.shape == (2, describe(name).num_classes)
    assert logits.isfinite().all()
    logits.square().sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


@each_backbone
def test_classes_and_image_channels_are_the_data_sets(name: str) -> None:
    side = describe(name).min_image_size
    with torch.device("meta"):
        network = network_of(name, num_classes=3, in_channels=1).eval()
        assert network(torch.zeros(2, 1, side, side)).shape == (2, 3)


@each_backbone
def test_a_network_without_attention_has_none(name: str) -> None:
    network = shaped_network_of(name)
    assert not any("attention" in type(module).__module__ for module in network.modules())
