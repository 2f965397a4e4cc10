"""Checks of the user's own networks and modules: each runs once before costs are counted, so that errors show early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seplace.backbones.foreign.copying import copy_of
from seplace.costs.sites import block_inputs
from seplace.errors import UserCodeError
from seplace.models import insert, watch_own_gates
from seplace.user_code import user_errors

if TYPE_CHECKING:
    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.backbones.sites import Site
    from seplace.placement import StageChoice


def check_network(backbone: Backbone, plain: nn.Module, images: Tensor, *, num_classes: int | None) -> None:
    """Run a plain network in eval mode on images (N, C, H, W) on the CPU.

    Raises UserCodeError where it cannot be run, or does not return logits (N, classes); its output may be anything
    where `num_classes` is None.
    """
    height, width = images.shape[2:]
    with user_errors(f"backbone {backbone.text} cannot be run on an image of {height}x{width} pixels"):
        logits = _output(plain, images)
    if num_classes is None:
        return
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != (len(images), num_classes):
        raise UserCodeError(
            f"backbone {backbone.text} gives {shape} for {len(images)} image of {num_classes} classes, and not logits "
            f"{(len(images), num_classes)}"
        )


def check_modules(
    backbone: Backbone,
    plain: nn.Module,
    images: Tensor,
    choices: Sequence[Sequence[StageChoice]],
    *,
    gate: GateOptions,
) -> None:
    """Run the blocks of each unit with each of the user's own modules that it can have, in eval mode on the CPU.

    Raises UserCodeError, which names on a line each all modules that fail or change the shape or type of a block's map.
    """
    own = [[choice for choice in listed if choice.is_external] for listed in choices]
    if not any(own):
        return
    sites = [site for unit in backbone.units for site in unit.sites]
    inputs = block_inputs(plain.eval(), [site.path for site in sites], images)
    problems: dict[tuple[StageChoice, str], list[str]] = {}
    for number, (unit, listed) in enumerate(zip(backbone.units, own, strict=True), start=1):
        for choice in listed:
            found = (
                _problem(plain, site, choice, inputs[site.path], gate=gate, is_last=site is unit.sites[-1])
                for site in unit.sites
            )
            if problem := next(filter(None, found), None):
                problems.setdefault((choice, problem), []).append(str(number))
    if problems:
        lines = [
            f"{choice} cannot stand in {backbone.granularity}{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: "
            f"{problem}"
            for (choice, problem), numbers in problems.items()
        ]
        raise UserCodeError("\n".join(lines))


def _problem(
    plain: nn.Module, site: Site, choice: StageChoice, given: Tensor, *, gate: GateOptions, is_last: bool
) -> str | None:
    block = plain.get_submodule(site.path)
    changed = copy_of(block)
    try:
        with user_errors("it fails"):
            with torch.random.fork_rng(devices=[]):
                insert(changed, choice, gate=gate, is_last=is_last)
            watch_own_gates(changed)
            output = _output(changed.eval(), given)
    except UserCodeError as error:
        return str(error).removeprefix("it fails: ")
    expected = _output(block, given)
    is_alike = isinstance(output, Tensor) and (output.shape, output.dtype) == (expected.shape, expected.dtype)
    return None if is_alike else f"its block gives {_described(output)} with it, and {_described(expected)} without"


def _output(module: nn.Module, given: Tensor) -> Any:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return module.eval()(given.clone())


def _described(output: Any) -> str:
    if not isinstance(output, Tensor):
        return f"a {type(output).__name__}"
    return f"a map of shape {tuple(output.shape)} and {output.dtype}"
