"""The description of any CNN in torch: it is run once, and its blocks are found or named."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seplace.backbones.foreign.calls import Calls, record
from seplace.backbones.foreign.copying import copy_of
from seplace.backbones.foreign.discovery import Found, find_blocks, named_blocks
from seplace.backbones.foreign.fitting import are_equal, outputs_of, widths_of
from seplace.backbones.foreign.slotted import FORMS, SlotForm
from seplace.backbones.foreign.traced import TracedSite, add_slots
from seplace.backbones.foreign.tracing import source_of, trace
from seplace.backbones.sites import Stage
from seplace.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Description:
    """The stages of a network, and its output."""

    stages: tuple[Stage, ...]
    left_out: tuple[str, ...]
    """Modules that look like blocks and are not, a sentence each."""
    output: Any


def describe_blocks(network: nn.Module, images: Tensor, *, paths: Sequence[str] | None = None) -> Description:
    """Run a network, in eval mode, on images (N, C, H, W) and describe its stages.

    A stage is consecutive blocks of one class and one resolution. `paths` names the blocks; without it they are found.
    Raises InputError where no block takes a gate.
    """
    seen, output = record(network, images)
    found = find_blocks(network, seen) if paths is None else Found(named_blocks(network, seen, paths), [])
    known: dict[tuple[object, ...], tuple[SlotForm, dict[str, int]] | None] = {}
    looked_at = {calls.path: _site_of(calls, known) for calls in found.blocks}
    sites = [site for site in looked_at.values() if site is not None]
    unfit = [
        f"{calls.path} ({type(calls.module).__name__}) takes no gate: it computes something else with a slot in it"
        for calls in found.blocks
        if looked_at[calls.path] is None
    ]
    if unfit and (paths is not None or not sites):
        raise InputError(f"{type(network).__name__}: {'; '.join(unfit)}; name the blocks without it")
    _check_whole(network, sites, images)
    groups = itertools.groupby(sites, key=lambda site: (site.block_type, site.size))
    return Description(
        stages=tuple(Stage(sites=tuple(group)) for _, group in groups),
        left_out=(*found.left_out, *unfit),
        output=output,
    )


def _check_whole(network: nn.Module, sites: Sequence[TracedSite], images: Tensor) -> None:
    """Raise InputError where the network, with empty slots in its blocks, computes something else than without.

    A network with randomness beyond the seeds of torch and Python cannot be checked.
    """
    expected = outputs_of(network, images)

    def is_as_before(some: Sequence[TracedSite]) -> bool:
        changed = copy_of(network)
        return not add_slots(changed, some) and are_equal(outputs_of(changed, images), expected)

    # A network that differs between two runs on one seed cannot be compared.
    if not is_as_before(sites) and are_equal(outputs_of(network, images), expected):
        changing = ", ".join(site.path for site in sites if not is_as_before([site])) or "its blocks together"
        raise InputError(
            f"{type(network).__name__}: it computes something else with empty slots in {changing}, whose outside looks "
            "at what they are; name the blocks without them"
        )


def _site_of(
    calls: Calls, known: dict[tuple[object, ...], tuple[SlotForm, dict[str, int]] | None]
) -> TracedSite | None:
    """Describe a block; None for a block that takes no gate.

    `known` holds the forms of blocks by their code, layers and input.
    """
    assert calls.images is not None
    assert calls.output_shape is not None
    graph = trace(calls.module)
    # A block that cannot be traced is equal to no other.
    code = calls.path if graph is None else source_of(graph)
    key = (type(calls.module), repr(calls.module), code, calls.images.shape)
    if key not in known:
        known[key] = _form_of(calls.module, calls.images)
    fit = known[key]
    if fit is None:
        return None
    form, widths = fit
    _, channels, height, width = calls.output_shape
    return TracedSite(
        path=calls.path,
        widths=widths,
        in_channels=calls.images.shape[1],
        channels=channels,
        form=form,
        block_type=type(calls.module).__name__,
        size=(height, width),
    )


def _form_of(block: nn.Module, images: Tensor) -> tuple[SlotForm, dict[str, int]] | None:
    # An activation has no inner slots: a gate before it would be between a norm and its non-linearity.
    forms: Sequence[SlotForm] = FORMS if any(block.children()) else FORMS[2:]
    for form in forms:
        widths = widths_of(block, form, images)
        if widths:
            return form, widths
    return None
