"""Networks for placements: the only place where attention meets a backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.applied import Added, Scaled
from seplace.errors import InvalidPlacement
from seplace.streams import derive_seed

if TYPE_CHECKING:
    from torch import nn

    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.placement import Placement, StageChoice


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

    For one seed the backbone's tensors are equal for every placement, because the plain network is built first, from a
    stream of its own; gates draw from another stream, one for each stage. Weights are drawn on the CPU, and the global
    random state of no device is touched. InvalidPlacement if the placement has another number of stages than the
    backbone.
    """
    if len(placement) != len(backbone.units):
        noun = f"{backbone.granularity}s"
        raise InvalidPlacement(
            f"placement {placement} has {len(placement)} {noun}, {backbone.text} has {len(backbone.units)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "backbone"))
        network = backbone.build(num_classes=num_classes, in_channels=in_channels)
        for number, (unit, choice) in enumerate(zip(backbone.units, placement.choices, strict=True), start=1):
            torch.default_generator.manual_seed(derive_seed(seed, "attention", number))
            for site in unit.sites:
                insert(network.get_submodule(site.path), choice, gate=gate, is_last=site is unit.sites[-1])
    return network


def insert(block: Any, choice: StageChoice, *, gate: GateOptions, is_last: bool) -> None:
    """Attach the module of `choice` to a block; `none` leaves it as it is, `paper` where its paper has no gate.

    `is_last` tells whether the block is the last of its stage, which alone takes an attachment of once a stage.
    """
    if choice.name == "none" or (choice.name == "paper" and not block.has_paper_gate):
        return
    attachment = ATTACHMENTS[attachment_name(choice)]
    if is_last or not getattr(attachment, "is_once_a_stage", False):
        attachment.attach(block, attention_maker(choice, gate=gate))


def attention_maker(choice: StageChoice, *, gate: GateOptions) -> Callable[[int], nn.Module]:
    """Return the function that builds A, the module of `choice` applied to a map of a number of channels."""
    module, apply = ATTENTION[choice.name], applied_by(choice)
    arguments = gate_arguments(choice, gate=gate)

    def make(channels: int) -> nn.Module:
        built: nn.Module = apply(module(channels, **arguments))
        return built

    return make


def attachment_name(choice: StageChoice) -> str:
    """Return the name of the attachment of a choice; the gates of MobileNetV3's own paper are inside its blocks."""
    return "inner" if choice.name == "paper" else choice.attachment


def applied_by(choice: StageChoice) -> type[nn.Module]:
    """Return what applies the module of `choice` to a map: most are gates and scale it."""
    return Added if ATTENTION.member(choice.name).is_additive else Scaled


def gate_arguments(choice: StageChoice, *, gate: GateOptions) -> dict[str, int | str]:
    """Return the keyword arguments of the module's class, all literals."""
    options = {key: int(value) if value.isdecimal() else value for key, value in choice.options.items()}
    if choice.ratio is None:
        return {**options, "init": gate.init}
    return {"ratio": choice.ratio, "min_hidden": gate.min_hidden, **options, "init": gate.init}
