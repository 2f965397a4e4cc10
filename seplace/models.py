"""Networks for placements: the only place where attention meets a backbone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seplace.attachments import ATTACHMENTS
from seplace.attachments.cross import Cross
from seplace.attention import ATTENTION
from seplace.attention.applied import Added, Scaled
from seplace.attention.options import GateOptions, Init
from seplace.attention.signature import CHANNELS, Signature, signature_of
from seplace.backbones.backbone import Backbone, Granularity
from seplace.backbones.describe import describe
from seplace.backbones.foreign.slotted import slotted
from seplace.backbones.foreign.traced import as_returned
from seplace.errors import InputError, InvalidPlacement, UserCodeError, whole_number
from seplace.placement import Placement
from seplace.seeds import derive_seed
from seplace.space import check_placement
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.placement import StageChoice


def create_model(
    backbone: str | Backbone,
    placement: str | Placement,
    *,
    num_classes: int | None = None,
    in_channels: int = 3,
    seed: int = 0,
    init: Init = "paper",
    min_hidden: int = 1,
    granularity: Granularity | None = None,
    only_logits: bool = True,
) -> nn.Module:
    """Return a network with the attention modules of a placement in it, untrained, on the CPU, in training mode.

    The network takes images of shape (N, in_channels, H, W) and returns logits of shape (N, num_classes).

    >>> import seplace, torch
    >>> network = seplace.create_model("cifar_resnet20", "none-se16-none", num_classes=10)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])

    Args:
        backbone: A name of `list_backbones`, with options in brackets such as `cifar_resnet20[width=0.5]`; or the
            backbone of a search space, `space.backbone`.
        placement: The text of a placement, one choice a stage, or a `Placement`. `se16-se16-se16` has SE with
            reduction ratio 16 in all three stages, `none-none-none` is the plain backbone.
        num_classes: The number of classes; None takes the backbone's customary one (10 for CIFAR networks, 1000 for
            ImageNet networks).
        in_channels: The number of channels of an image.
        seed: The seed of the weights. Networks of one backbone and one seed have equal backbone weights whatever the
            placement, so that their trainings can be compared in pairs. The global random state is not touched.
        init: `paper` starts each module as its paper does; with `identity` it changes nothing until it is trained.
        min_hidden: The least number of hidden units of a module with a reduction ratio.
        granularity: `block` for a placement with one choice a block, `stage` for one choice a stage; None takes that
            of the backbone, which is `stage` for a name.
        only_logits: Whether a network of your own that returns more than its logits, such as a tuple with the output of
            an auxiliary head, returns these alone. False is for networks of a training of your own.

    Raises:
        UnknownName: There is no such backbone; the message names the nearest.
        InvalidPlacement: The placement cannot be read, has another number of choices than the backbone has stages, or
            holds what the blocks do not take.
        InputError: Another argument is out of its range.

    """
    if not isinstance(backbone, str | Backbone):
        raise InputError(
            f"backbone is a name or a backbone of a search space (got a {type(backbone).__name__}); for your own "
            "network use seplace.adopt(network, images).insert(placement)"
        )
    if not isinstance(placement, str | Placement):
        raise InputError(f"placement is a text or a Placement (got a {type(placement).__name__})")
    classes = None if num_classes is None else whole_number("num_classes", num_classes, least=1)
    channels = whole_number("in_channels", in_channels, least=1)
    seed = whole_number("seed", seed, least=0)
    if granularity not in (None, *get_args(Granularity)):
        raise InputError(f"granularity is stage or block (got {granularity!r})")
    gate = GateOptions(init=init, min_hidden=min_hidden)
    described = describe(backbone, needs_logits=False) if isinstance(backbone, str) else backbone
    described = replace(described, granularity=granularity or described.granularity)
    chosen = Placement.parse(placement) if isinstance(placement, str) else placement
    if chosen.variant not in ("", described.text):
        raise InvalidPlacement(f"{chosen} is for the backbone {chosen.variant} (got {described.text})")
    _check_length(chosen, described)
    check_placement(described, chosen, init=init)
    return build(
        described if only_logits else as_returned(described),
        chosen,
        gate=gate,
        num_classes=described.num_classes if classes is None else classes,
        in_channels=channels,
        seed=seed,
    )


def _check_length(placement: Placement, backbone: Backbone) -> None:
    """Refuse (InvalidPlacement) a placement without one choice for each stage or block, and say what to do."""
    count, given = len(backbone.units), len(placement)
    if given == count:
        return
    rule = f"{placement}: backbone {backbone.text} has {count} {backbone.granularity}s (got {given})"
    other: Granularity = "block" if backbone.granularity == "stage" else "stage"
    if given == len(replace(backbone, granularity=other).units):
        raise InvalidPlacement(f"{rule}; for one choice a {other} pass granularity={other!r}")
    if given == 1:
        raise InvalidPlacement(f"{rule}; write {str(Placement.uniform(placement.choices[0], count))!r} for all of them")
    raise InvalidPlacement(rule)


_GENERATOR = threading.Lock()
"""Held while weights are drawn: torch's default generator is one for all threads."""


def build(
    backbone: Backbone,
    placement: Placement,
    *,
    gate: GateOptions,
    num_classes: int,
    in_channels: int,
    seed: int,
) -> nn.Module:
    """Build the network of a placement, with weights drawn from `seed`.

    For one seed the tensors of the backbone are equal for every placement: the plain network is built first, from a
    random stream of its own; the gates of each stage draw from another stream. Weights are drawn on the CPU, and the
    global random state of no device is changed. Raises InvalidPlacement for a placement with another number of stages
    than the backbone.
    """
    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "backbone"))
        network = backbone.build(num_classes=num_classes, in_channels=in_channels)
    place(network, backbone, placement, gate=gate, seed=seed)
    if holds_own_code(backbone, placement):
        watch_own_gates(network)
    return network


@contextmanager
def without_weights() -> Iterator[None]:
    """Build networks on the meta device within the context: they map shapes to shapes, and no weight is drawn.

    On the meta device torch would draw in Python, which takes most of the time of building.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def place(network: nn.Module, backbone: Backbone, placement: Placement, *, gate: GateOptions, seed: int) -> None:
    """Insert the modules of a placement into a plain network, with weights drawn as in `build`."""
    if len(placement) != len(backbone.units):
        noun = f"{backbone.granularity}s"
        raise InvalidPlacement(
            f"placement {placement} has {len(placement)} {noun}, {backbone.text} has {len(backbone.units)}"
        )
    with _GENERATOR, torch.random.fork_rng(devices=[]):
        for number, (unit, choice) in enumerate(zip(backbone.units, placement.choices, strict=True), start=1):
            torch.default_generator.manual_seed(derive_seed(seed, "attention", number))
            for site in unit.sites:
                insert(network.get_submodule(site.path), choice, gate=gate, is_last=site is unit.sites[-1])


def insert(module: nn.Module, choice: StageChoice, *, gate: GateOptions, is_last: bool) -> None:
    """Attach the module of `choice` to a block; `none`, and `native` in a block without a native gate, change nothing.

    `is_last` says whether the block is the last of its stage; only that block takes an attachment of once a stage.
    """
    block: Any = slotted(module) or module
    if choice.name == "none" or (choice.name == "native" and not block.has_native_gate):
        return
    attachment = ATTACHMENTS[attachment_name(choice)]
    if is_last or not getattr(attachment, "is_once_a_stage", False):
        with user_errors_if(ATTACHMENTS.is_external(choice.attachment), f"{choice} cannot be attached to a block"):
            attachment.attach(block, attention_maker(choice, gate=gate, block_input=block.in_channels))


def attention_maker(choice: StageChoice, *, gate: GateOptions, block_input: int) -> Callable[[int], nn.Module]:
    """Return the function that builds the module of `choice`, applied to a map with a number of channels."""
    module, apply = ATTENTION[choice.name], applied_by(choice)

    def make(channels: int) -> nn.Module:
        arguments, keywords = gate_arguments(choice, gate=gate, channels=channels, block_input=block_input)
        with user_errors_if(ATTENTION.is_external(choice.name), f"{choice} cannot be built for {channels:,} channels"):
            built = module(*arguments, **keywords)
        if not isinstance(built, nn.Module):
            raise UserCodeError(f"{choice}: {choice.name} returned a {type(built).__name__}, not a torch module")
        applied: nn.Module = apply(built)
        return applied

    return make


def watch_own_gates(network: nn.Module) -> None:
    """Check what the user's own gates return whenever they run."""
    for module in network.modules():
        if isinstance(module, Scaled | Cross) and not type(module.gate).__module__.startswith("seplace."):
            module.gate.register_forward_hook(_refuse_no_gate)


def _refuse_no_gate(gate: nn.Module, given: tuple[Any, ...], output: Any) -> None:
    # A tracer would take the shapes of this image for conditions on all images.
    if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():
        return
    if problem := gate_problem(given[0], output):
        raise UserCodeError(f"the gate {type(gate).__module__}:{type(gate).__name__} {problem}")


def gate_problem(u: Tensor, gate: Any) -> str | None:
    """Say why a map u (N, C, H, W) cannot be scaled by what a gate returned, or return None."""
    if not isinstance(gate, Tensor):
        return f"returned {'None' if gate is None else f'a {type(gate).__name__}'}, not a tensor"
    returned = f"returned a tensor of shape {tuple(gate.shape)} for a map of shape {tuple(u.shape)}"
    if gate.ndim > u.ndim or any(
        own not in (1, side) for own, side in zip(gate.shape[::-1], u.shape[::-1], strict=False)
    ):
        return f"{returned}, which does not broadcast against it"
    if gate.device != u.device and gate.ndim:
        return f"{returned} on {gate.device}, and the map is on {u.device}"
    # Under autocast layers take any of its types; elsewhere what follows expects the type of its weights.
    if torch.result_type(u, gate) != u.dtype and not torch.is_autocast_enabled(u.device.type):
        return f"{returned} of {gate.dtype}, which would make {torch.result_type(u, gate)} of its {u.dtype}"
    return None


def holds_own_code(backbone: Backbone, placement: Placement) -> bool:
    """Whether the network of a placement, or a module in it, is the user's own."""
    return backbone.is_own or any(choice.is_external for choice in placement.choices)


def attachment_name(choice: StageChoice) -> str:
    """Return the name of the attachment of a choice; the native gates of MobileNetV3 are inside its blocks."""
    return "inner" if choice.name == "native" else choice.attachment


def applied_by(choice: StageChoice) -> type[nn.Module]:
    """Return the class that applies the module of `choice` to a map; most modules are gates, which scale it."""
    return Added if ATTENTION.entry(choice.name).is_additive else Scaled


def gate_arguments(
    choice: StageChoice, *, gate: GateOptions, channels: Any, block_input: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments that the module of a choice is built with: literals, except the two given here.

    `block_input` is the number of input channels of the block. The user's own module gets the arguments that its
    signature takes. Raises InvalidPlacement if the signature does not fit the choice.
    """
    options: dict[str, Any] = {key: option_value(value) for key, value in choice.options.items()}
    if "reduced_from" in options:
        options["reduced_from"] = block_input
    reduced = {} if choice.ratio is None else {"ratio": choice.ratio, "min_hidden": gate.min_hidden}
    keywords = {**reduced, **options, "init": gate.init}
    if not ATTENTION.entry(choice.name).has_signature:
        return (channels,), keywords
    signature = signature_of(choice.name)
    if problem := signature.problem or _ratio_problem(choice, signature):
        raise InvalidPlacement(f"{choice}: {problem}")
    return signature.call({CHANNELS: channels, "min_hidden": gate.min_hidden, **keywords})


def option_value(text: str) -> str | int:
    """Return the value of a module's option as the module takes it: numbers are whole."""
    return int(text) if text.isdecimal() else text


def _ratio_problem(choice: StageChoice, signature: Signature) -> str | None:
    if choice.ratio is None and signature.needs_ratio:
        return f"{choice.name} needs a reduction ratio, such as {choice.name}16"
    if choice.ratio is not None and not signature.takes_ratio:
        return f"{choice.name} has no reduction ratio; write {str(replace(choice, ratio=None))!r}"
    return None
