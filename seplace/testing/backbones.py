"""What every backbone must do, whatever its blocks are."""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.attention.options import GateOptions
from seplace.backbones import BACKBONES
from seplace.backbones.describe import describe
from seplace.backbones.foreign.slotted import slotted
from seplace.models import build, without_weights
from seplace.placement import Placement, StageChoice
from seplace.testing.expectations import expect
from seplace.testing.tracing import expect_traceable

GATE = GateOptions(init="paper")


def network_of(text: str, *, num_classes: int | None = None, in_channels: int | None = None) -> nn.Module:
    """Build the plain network of a backbone, in training mode."""
    backbone = describe(text)
    return build(
        backbone,
        Placement.uniform(StageChoice(), len(backbone.units)),
        gate=GATE,
        num_classes=backbone.num_classes if num_classes is None else num_classes,
        in_channels=_channels_of(text) if in_channels is None else in_channels,
        seed=0,
    )


@functools.cache
def shared(text: str) -> nn.Module:
    """Return the plain network on no device, built once for all checks that only look at it."""
    with without_weights():
        return network_of(text).eval()


@functools.cache
def site_shapes(text: str, side: int) -> tuple[dict[str, torch.Size], dict[str, torch.Size], torch.Size]:
    """Return the shapes of what enters and leaves each block, by its path, and of the logits, for two images."""
    network = shared(text)
    entering: dict[str, torch.Size] = {}
    leaving: dict[str, torch.Size] = {}

    def note(path: str, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        expect(path not in entering, f"{text}: {path} runs twice")
        entering[path], leaving[path] = inputs[0].shape, output.shape

    hooks = [
        network.get_submodule(site.path).register_forward_hook(
            lambda _block, inputs, output, path=site.path: note(path, inputs, output)
        )
        for stage in describe(text).stages
        for site in stage.sites
    ]
    logits = network(torch.zeros(2, _channels_of(text), side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return entering, leaving, logits.shape


def is_canonical(text: str) -> None:
    """Check that the text of the description is the name, and describes the same backbone again."""
    expect(describe(text).text == text, f"{text}: its description has the text {describe(text).text}")
    expect(describe(describe(text).text) == describe(text), f"{text}: its text describes another backbone")


def has_its_blocks(text: str) -> None:
    """Check that the blocks stand where they are described, with the channels that are described."""
    backbone = describe(text)
    network = shared(text)
    for stage in backbone.stages:
        for site in stage.sites:
            try:
                module = network.get_submodule(site.path)
            except AttributeError as error:
                raise AssertionError(f"{text}: there is no block {site.path}") from error
            block = slotted(module) or module
            for name, value in (
                ("in_channels", site.in_channels),
                ("out_channels", site.channels),
                ("has_native_gate", site.has_native_gate),
            ):
                found = getattr(block, name, None)
                expect(found == value, f"{text}: {site.path} has {name} {found}, described: {value}")
    is_right = 1 <= backbone.min_image_size <= backbone.image_size
    expect(is_right, f"{text}: min_image_size {backbone.min_image_size}, image_size {backbone.image_size}")


class _Open(nn.Module):
    """The gate that is one, and notes how wide a map it sees."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.seen: list[int] = []

    def forward(self, u: Tensor) -> Tensor:
        self.seen.append(u.shape[1])
        return torch.ones(1, 1, 1, 1, device=u.device)


def has_the_widths_of_its_attachments(text: str) -> None:
    """Check for each attachment of a block that the gate is as wide as described, and runs once.

    Blocks that are alike in all but their weights, on maps of one shape, are run once for all of them.
    """
    backbone, network = describe(text), shared(text)
    entering, _, _ = site_shapes(text, backbone.min_image_size)
    known: dict[tuple[str, torch.Size, str], int] = {}
    for site in (site for stage in backbone.stages for site in stage.sites):
        block = network.get_submodule(site.path)
        like = _likeness(block)
        for attachment, width in site.widths.items():
            expect(attachment in ATTACHMENTS, f"{text}: {site.path} takes {attachment}, which is no attachment")
            if not ATTACHMENTS.entry(attachment).takes_gates:
                continue
            key = (like, entering[site.path], attachment)
            if key not in known:
                known[key] = _width_of(block, attachment, entering[site.path])
            found = known[key]
            expect(found == width, f"{text}: {attachment} of {site.path} is {found} channels wide, described: {width}")


def has_the_shapes_that_are_described(text: str) -> None:
    """Check the channels of all maps and the shape of the logits, for customary and for the smallest images."""
    backbone = describe(text)
    for side in (backbone.image_size, backbone.min_image_size):
        entering, leaving, logits = site_shapes(text, side)
        wanted = (2, backbone.num_classes)
        expect(logits == wanted, f"{text}: logits of shape {tuple(logits)} at {side} pixels, wanted: {wanted}")
        for site in (site for stage in backbone.stages for site in stage.sites):
            _, channels, height, width = leaving[site.path]
            found = (entering[site.path][1], channels)
            wanted = (site.in_channels, site.channels)
            expect(found == wanted, f"{text}: {site.path} maps channels as {found}, described: {wanted}")
            expect(height == width >= 1, f"{text}: {site.path} leaves a map of {height}x{width}")


def trains_on_its_smallest_images(text: str) -> None:
    """Check that logits and gradients are finite, and that a gradient reaches each parameter."""
    narrow = f"{text}[width=0.125]" if not BACKBONES.is_external(text) and "[" not in text else text
    network = network_of(narrow)
    side = describe(narrow).min_image_size
    logits = network(torch.randn(2, _channels_of(narrow), side, side, generator=torch.Generator().manual_seed(0)))
    expect(logits.isfinite().all(), f"{narrow}: logits of the smallest images are not finite")
    logits.square().sum().backward()
    for key, parameter in network.named_parameters():
        expect(parameter.grad is not None, f"{narrow}: no gradient reaches {key}")
        assert parameter.grad is not None
        expect(parameter.grad.isfinite().all(), f"{narrow}: the gradient of {key} is not finite")


def takes_other_classes_and_channels(text: str) -> None:
    """Check that the network can be built for another number of classes, and of image channels if it takes any."""
    side = describe(text).min_image_size
    channels = _channels_of(text) if describe(text).is_own else 1
    with without_weights():
        network = network_of(text, num_classes=3, in_channels=channels).eval()
    shape = network(torch.zeros(2, channels, side, side, device="meta")).shape
    expect(shape == (2, 3), f"{text}: logits of shape {tuple(shape)} for 3 classes")


def has_no_attention_by_itself(text: str) -> None:
    """Check that the plain network holds no module of seplace's attention."""
    held = [type(module).__module__ for module in shared(text).modules()]
    expect(not any(module.startswith("seplace.attention") for module in held), f"{text}: the plain network has a gate")


def can_be_traced(text: str, *, tracer: str) -> None:
    """Check that a tracer takes the plain network, of an eighth of its width where it has one."""
    narrow = f"{text}[width=0.125]" if not BACKBONES.is_external(text) and "[" not in text else text
    network, side = network_of(narrow), describe(narrow).min_image_size
    images = torch.randn(2, _channels_of(narrow), side, side, generator=torch.Generator().manual_seed(0))
    expect_traceable(network, images, narrow, tracer=tracer)


CHECKS = (
    is_canonical,
    has_its_blocks,
    has_the_widths_of_its_attachments,
    has_the_shapes_that_are_described,
    trains_on_its_smallest_images,
    takes_other_classes_and_channels,
    has_no_attention_by_itself,
)


def _width_of(block: nn.Module, attachment: str, shape: torch.Size) -> int:
    made: list[_Open] = []

    def make(channels: int) -> nn.Module:
        made.append(_Open(channels))
        return Scaled(made[-1])

    changed = copy.deepcopy(block)
    ATTACHMENTS[attachment].attach(slotted(changed) or changed, make)
    changed(torch.zeros(shape, device="meta"))
    expect(len(made) == 1 and made[0].seen == [made[0].channels], f"{attachment}: its gate does not run once")
    return made[0].channels


def _likeness(block: nn.Module) -> str:
    """Return all that tells two blocks apart: their modules and what these hold, by name, but no values of tensors."""
    plain = (bool, int, float, str, tuple, type(None))
    held = [
        (path, type(module).__name__, {key: value for key, value in vars(module).items() if isinstance(value, plain)})
        for path, module in block.named_modules()
    ]
    shapes = {key: tuple(tensor.shape) for key, tensor in block.state_dict().items()}
    return f"{block!r} {held} {shapes}"


def _channels_of(text: str) -> int:
    """Return the channels of an image: 3, or what the options of a network of the user's own say."""
    _, _, options = text.partition("in_channels=")
    return int(options.partition(",")[0].rstrip("]")) if options else 3
