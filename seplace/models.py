"""Networks for placements: the only place where attention meets a backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import torch

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
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
    if len(placement) != len(backbone.stages):
        raise InvalidPlacement(
            f"placement {placement} has {len(placement)} stages, {backbone.text} has {len(backbone.stages)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "backbone"))
        network = backbone.build(num_classes=num_classes, in_channels=in_channels)
        for number, (stage, choice) in enumerate(zip(stages_of(network), placement.choices, strict=True), start=1):
            torch.default_generator.manual_seed(derive_seed(seed, "attention", number))
            insert(stage, choice, gate=gate)
    return network


def stages_of(network: Any) -> list[list[nn.Module]]:
    """Return the blocks of each stage."""
    return [list(stage) for stage in network.stages]


def insert(blocks: Iterable[nn.Module], choice: StageChoice, *, gate: GateOptions) -> None:
    """Attach a gate of `choice` to every block; `none` leaves them as they are."""
    if choice.module == "none":
        return
    attachment = ATTACHMENTS[choice.attachment]
    for block in blocks:
        attachment.attach(block, gate_maker(choice, gate=gate))


def gate_maker(choice: StageChoice, *, gate: GateOptions) -> Callable[[int], nn.Module]:
    """Return the function that builds the gate of `choice` for a number of channels."""
    module = ATTENTION[choice.module]
    arguments = gate_arguments(choice, gate=gate)

    def make_gate(channels: int) -> nn.Module:
        built: nn.Module = module(channels, **arguments)
        return built

    return make_gate


def gate_arguments(choice: StageChoice, *, gate: GateOptions) -> dict[str, int | Literal["paper", "identity"]]:
    """Return the keyword arguments of the gate's class, all literals."""
    if choice.ratio is None:
        return {"init": gate.init}
    return {"ratio": choice.ratio, "min_hidden": gate.min_hidden, "init": gate.init}
