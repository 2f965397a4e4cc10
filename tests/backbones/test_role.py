"""What every backbone must do, whatever its blocks are."""

import copy
import functools
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.backbones import BACKBONES
from seplace.backbones.describe import describe
from tests.networks import network_of, weightless_network_of

each_backbone = pytest.mark.parametrize("name", BACKBONES)


@functools.cache
def shared(name: str) -> nn.Module:
    """The plain network on no device, built once for all tests that only look at it."""
    return weightless_network_of(name).eval()


@functools.cache
def site_inputs(name: str, side: int) -> tuple[dict[str, torch.Size], dict[str, torch.Size], torch.Size]:
    """Shapes of what enters and leaves each block, by its path, and of the logits, for two images; each runs once."""
    network = shared(name)
    entering: dict[str, torch.Size] = {}
    leaving: dict[str, torch.Size] = {}

    def note(path: str, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert path not in entering
        entering[path], leaving[path] = inputs[0].shape, output.shape

    hooks = [
        network.get_submodule(site.path).register_forward_hook(
            lambda _block, inputs, output, path=site.path: note(path, inputs, output)
        )
        for stage in describe(name).stages
        for site in stage.sites
    ]
    logits = network(torch.zeros(2, 3, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return entering, leaving, logits.shape


def likeness(block: nn.Module) -> str:
    """All that tells two blocks apart: their modules and what these hold, by name, but for the values of tensors."""
    plain = (bool, int, float, str, tuple, type(None))
    held = [
        (path, type(module).__name__, {key: value for key, value in vars(module).items() if isinstance(value, plain)})
        for path, module in block.named_modules()
    ]
    shapes = {key: tuple(tensor.shape) for key, tensor in block.state_dict().items()}
    return f"{block!r} {held} {shapes}"


def test_describing_all_of_them_needs_no_torch() -> None:
    program = (
        "import sys\n"
        "from seplace.backbones import BACKBONES\n"
        "from seplace.backbones.describe import describe\n"
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
    network = shared(name)
    assert [len(blocks) for blocks in network.stages] == [len(stage.sites) for stage in backbone.stages]
    for number, stage in enumerate(backbone.stages):
        for at, site in enumerate(stage.sites):
            assert site.path == f"stages.{number}.{at}"
            block = network.get_submodule(site.path)
            assert (block.in_channels, block.out_channels) == (site.in_channels, site.channels)
            assert block.has_native_gate == site.has_native_gate
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
    """Blocks that are alike in all but their weights, on maps of one shape, are run once for all of them."""
    backbone, network = describe(name), shared(name)
    entering, _, _ = site_inputs(name, backbone.min_image_size)
    assert {attachment for stage in backbone.stages for attachment in stage.widths} <= set(ATTACHMENTS)
    known: dict[tuple[str, torch.Size, str], int] = {}
    for site in (site for stage in backbone.stages for site in stage.sites):
        block = network.get_submodule(site.path)
        like = likeness(block)
        for attachment, width in site.widths.items():
            if not ATTACHMENTS.entry(attachment).takes_gates:
                continue
            key = (like, entering[site.path], attachment)
            if key not in known:
                made: list[Open] = []

                def make(channels: int, made: list[Open] = made) -> nn.Module:
                    made.append(Open(channels))
                    return Scaled(made[-1])

                changed = copy.deepcopy(block)
                ATTACHMENTS[attachment].attach(changed, make)
                changed(torch.zeros(entering[site.path], device="meta"))
                (gate,) = made
                assert gate.seen == [gate.channels], "each gate runs once"
                known[key] = gate.channels
            assert known[key] == width, (site.path, attachment)


@each_backbone
@pytest.mark.parametrize("size", ["image_size", "min_image_size"])
def test_maps_have_the_shapes_that_were_described(name: str, size: str) -> None:
    backbone = describe(name)
    entering, leaving, logits = site_inputs(name, getattr(backbone, size))
    assert logits == (2, backbone.num_classes)
    for site in (site for stage in backbone.stages for site in stage.sites):
        _, channels, height, width = leaving[site.path]
        assert (entering[site.path][1], channels) == (site.in_channels, site.channels)
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


# A network class is told both when a backbone is built; its depth and width are no matter.
@pytest.mark.parametrize("name", {describe(name).network: name for name in reversed(list(BACKBONES))}.values())
def test_classes_and_image_channels_are_the_data_sets(name: str) -> None:
    side = describe(name).min_image_size
    network = weightless_network_of(name, num_classes=3, in_channels=1).eval()
    assert network(torch.zeros(2, 1, side, side, device="meta")).shape == (2, 3)


@each_backbone
def test_a_network_without_attention_has_none(name: str) -> None:
    assert not any("attention" in type(module).__module__ for module in shared(name).modules())
