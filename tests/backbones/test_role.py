"""What every backbone must do, whatever its blocks are."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.backbones import BACKBONES
from seplace.backbones.backbone import describe
from tests.networks import network_of

each_backbone = pytest.mark.parametrize("name", BACKBONES)


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
def test_its_blocks_stand_where_they_are_described(name: str) -> None:
    backbone = describe(name)
    with torch.device("meta"):
        network = network_of(name)
    assert [len(blocks) for blocks in network.stages] == [len(stage.sites) for stage in backbone.stages]
    for number, stage in enumerate(backbone.stages):
        for at, site in enumerate(stage.sites):
            assert site.path == f"stages.{number}.{at}"
            block = network.get_submodule(site.path)
            assert (block.in_channels, block.out_channels) == (site.in_channels, site.channels)
            assert block.has_paper_gate == site.has_paper_gate
    assert 1 <= backbone.min_image_size <= backbone.image_size


class Open(nn.Module):
    """The gate that is one, and notes how wide a map it sees."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.seen: list[int] = []

    def forward(self, u: Tensor) -> Tensor:
        self.seen.append(u.shape[1])
        return torch.ones(1, 1, 1, 1, device=u.device)


@each_backbone
def test_every_attachment_of_a_site_has_the_width_that_was_described(name: str) -> None:
    backbone = describe(name)
    side = backbone.min_image_size
    with torch.device("meta"):
        plain = network_of(name).eval()
        images = torch.zeros(2, 3, side, side)
    assert {attachment for stage in backbone.stages for attachment in stage.widths} <= set(ATTACHMENTS)
    for attachment in filter(lambda name: ATTACHMENTS.member(name).takes_gates, ATTACHMENTS):
        sites = [site for stage in backbone.stages for site in stage.sites if attachment in site.widths]
        if not sites:
            continue
        network = copy.deepcopy(plain)
        made: list[Open] = []

        def make(channels: int, made: list[Open] = made) -> nn.Module:
            made.append(Open(channels))
            return Scaled(made[-1])

        for site in sites:
            ATTACHMENTS[attachment].attach(network.get_submodule(site.path), make)
        network(images)
        widths = [site.widths[attachment] for site in sites]
        assert [gate.channels for gate in made] == widths
        assert [gate.seen for gate in made] == [[width] for width in widths], "each gate runs once"


@each_backbone
@pytest.mark.parametrize("size", ["image_size", "min_image_size"])
def test_maps_have_the_shapes_that_were_described(name: str, size: str) -> None:
    backbone = describe(name)
    side = getattr(backbone, size)
    with torch.device("meta"):
        network = network_of(name, num_classes=7).eval()
        images = torch.zeros(2, 3, side, side)
    shapes: dict[str, tuple[int, int]] = {}
    for site in (site for stage in backbone.stages for site in stage.sites):
        network.get_submodule(site.path).register_forward_hook(
            lambda _block, inputs, output, path=site.path: shapes.update(
                {path: (inputs[0].shape[1], *output.shape[1:])}
            )
        )
    assert network(images).shape == (2, 7)
    for stage in backbone.stages:
        for site in stage.sites:
            entering, channels, height, width = shapes[site.path]
            assert (entering, channels) == (site.in_channels, site.channels)
            assert height == width >= 1


@each_backbone
def test_it_trains_on_its_smallest_images(name: str) -> None:
    narrow = f"{name}[width=0.125]"
    network = network_of(narrow)
    side = describe(narrow).min_image_size
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
    with torch.device("meta"):
        network = network_of(name)
    assert not any("attention" in type(module).__module__ for module in network.modules())
