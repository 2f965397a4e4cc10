"""Backbones out of any CNN in torch: described by running and tracing it, built by giving its blocks slots."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone, NoBlocksToName, parse_options, text_of
from seplace.backbones.foreign.calls import Calls, record
from seplace.backbones.foreign.copying import copy_of
from seplace.backbones.foreign.discovery import Found, find_blocks, named_blocks
from seplace.backbones.foreign.fitting import are_equal, outputs_of, widths_of
from seplace.backbones.foreign.logits import AS_RETURNED, TakesLogits, logits_of
from seplace.backbones.foreign.slotted import FORMS, Channels, Form, give_slots
from seplace.backbones.foreign.tracing import source_of, trace
from seplace.backbones.sites import Site, Stage
from seplace.errors import InputError, InvalidBlocks, UserCodeError
from seplace.user_code import describe_error, is_out_of_memory, user_errors

_GIVEN = ("num_classes", "in_channels")
"""What a network is built for; the rest of what its function takes are options."""

_WORDS = {"num_classes": ("classes", "class"), "in_channels": ("channels", "channel")}


@dataclass(frozen=True, kw_only=True)
class TracedSite(Site):
    """A block of a foreign network."""

    form: Form
    block_type: str
    """The name of its class."""
    size: tuple[int, int]
    """Height and width of its output."""


@dataclass(frozen=True, kw_only=True)
class TracedBackbone(Backbone):
    """A foreign network: `network` is the function or class that builds it, `arguments` are options of that."""

    in_channels: int
    """Of the images that it was traced with."""
    takes: tuple[str, ...]
    """Which of `num_classes` and `in_channels` the function takes."""
    logits: TakesLogits = AS_RETURNED
    """Where they are in what the network returns."""

    def build(self, *, num_classes: int, in_channels: int = 3) -> nn.Module:
        """Build the plain network with empty slots in its blocks; its weights are drawn as its function draws them.

        It returns its logits alone.
        """
        network = self.plain(num_classes=num_classes, in_channels=in_channels)
        self.give_slots(network)
        if self.logits.inference or self.logits.training:
            network.register_forward_hook(self.logits)
        return network

    def plain(self, *, num_classes: int, in_channels: int) -> nn.Module:
        """Build the network as it is; InputError where it cannot be had for these classes or channels."""
        asked = {"num_classes": num_classes, "in_channels": in_channels}
        for name, value in asked.items():
            if name not in self.takes and value != getattr(self, name):
                raise InputError(
                    f"backbone {self.text}: {self.network} has no parameter {name}, and its network has "
                    f"{getattr(self, name)} (asked for {value})"
                )
        given = {name: asked[name] for name in self.takes}
        amounts = [f"{value:,} {_WORDS[name][value == 1]}" for name, value in given.items()]
        what = f"backbone {self.text} cannot be built{' for ' if amounts else ''}{' and '.join(amounts)}"
        with user_errors(what):
            network = self.network_class(**self.arguments, **given)
        if not isinstance(network, nn.Module):
            raise UserCodeError(f"{what}: it returned a {type(network).__name__}, not a torch module")
        return network

    def give_slots(self, network: nn.Module) -> None:
        """Turn the blocks of a plain network into such that take gates, in place."""
        for path in _without_slots(network, _sites_of(self.stages)):
            raise InputError(f"backbone {self.text}: {path} is not the block that it was when it was traced")


def _sites_of(stages: Iterable[Stage]) -> list[TracedSite]:
    sites = itertools.chain.from_iterable(stage.sites for stage in stages)
    return [site for site in sites if isinstance(site, TracedSite)]


def _without_slots(network: nn.Module, sites: Iterable[TracedSite]) -> list[str]:
    """Give slots to the blocks of a network, in place; return the paths of those that have no such form."""
    refused = []
    for site in sites:
        channels = Channels(entering=site.in_channels, leaving=site.channels, inner=site.widths.get("inner", 0))
        if not give_slots(network.get_submodule(site.path), site.form, channels):
            refused.append(site.path)
    return refused


@dataclass(frozen=True, kw_only=True)
class Description:
    """What running a network once tells of it."""

    stages: tuple[Stage, ...]
    left_out: tuple[str, ...]
    """What looks like a block and is none, a sentence each."""
    output: Any


def describe_blocks(network: nn.Module, images: Tensor, *, paths: Sequence[str] | None = None) -> Description:
    """Run a network, in eval mode, on images (N, C, H, W) and describe its stages.

    A stage is consecutive blocks of one class and one resolution. `paths` names the blocks, which are found otherwise.
    """
    seen, output = record(network, images)
    found = find_blocks(network, seen) if paths is None else Found(named_blocks(network, seen, paths), [])
    known: dict[tuple[object, ...], tuple[Form, dict[str, int]] | None] = {}
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
    """Refuse (InputError) blocks with whose slots the network, as it is built, does not what it did without.

    Nothing is known of one that is random by other means than torch's and Python's seeds: it is never what it was.
    """
    expected = outputs_of(network, images)

    def is_as_before(some: Sequence[TracedSite]) -> bool:
        changed = copy_of(network)
        return not _without_slots(changed, some) and are_equal(outputs_of(changed, images), expected)

    # A network that is not the same twice, whatever the seed, cannot be compared.
    if not is_as_before(sites) and are_equal(outputs_of(network, images), expected):
        changing = ", ".join(site.path for site in sites if not is_as_before([site])) or "its blocks together"
        raise InputError(
            f"{type(network).__name__}: it computes something else with empty slots in {changing}, whose outside looks "
            "at what they are; name the blocks without them"
        )


def _site_of(calls: Calls, known: dict[tuple[object, ...], tuple[Form, dict[str, int]] | None]) -> TracedSite | None:
    """Describe a block, None of one that takes no gate.

    `known` holds what was found of blocks of the same code, layers and input.
    """
    assert calls.images is not None
    assert calls.output_shape is not None
    graph = trace(calls.module)
    # Of a block whose code is not known, nothing tells that another is like it.
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


def _form_of(block: nn.Module, images: Tensor) -> tuple[Form, dict[str, int]] | None:
    # An activation has no inside: a gate before it would stand between a norm and its non-linearity.
    forms: Sequence[Form] = FORMS if any(block.children()) else FORMS[2:]
    for form in forms:
        widths = widths_of(block, form, images)
        if widths:
            return form, widths
    return None


@functools.cache
def describe_import(name: str, options: str, blocks: tuple[str, ...] = ()) -> Backbone:
    """Describe what an import path and the text of its options name: a function that returns a Backbone or a network.

    `blocks` names the blocks of the network, which are found otherwise. A network is built and traced on the CPU, and
    the global random state is left as it was.
    """
    function: Callable[..., Any] = BACKBONES[name]
    if not callable(function) or isinstance(function, nn.Module):
        kind = type(function).__name__
        raise InputError(f"backbone {name} is a {kind}, not a function or class that returns a network")
    parameters = inspect.signature(function).parameters
    defaults = _defaults(parameters)
    given = parse_options(name, options, defaults)
    own = {key: value for key, value in given.items() if key in parameters and key not in _GIVEN}
    arguments = {key: bool(value) if isinstance(parameters[key].default, bool) else value for key, value in own.items()}
    side, in_channels = (int({**defaults, **given}[key]) for key in ("image_size", "in_channels"))
    if "image_size" in parameters:
        arguments["image_size"] = side
    if side < 1 or in_channels < 1:
        raise InputError(f"backbone {name}: image_size and in_channels are at least 1")
    text = text_of(name, given, defaults)
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(0)
        takes = tuple(key for key in _GIVEN if key in parameters)
        required = {key: 1000 for key in takes if parameters[key].default is inspect.Parameter.empty}
        channels = {"in_channels": in_channels} if "in_channels" in takes else {}
        with user_errors(f"backbone {name} cannot be built"):
            network = function(**{**arguments, **required, **channels})
        if isinstance(network, Backbone):
            if blocks:
                raise NoBlocksToName(network.text)
            return network
        if not isinstance(network, nn.Module):
            raise InputError(f"backbone {name}: it returned a {type(network).__name__}, not a torch module")
        images = torch.randn(1, in_channels, side, side)
        try:
            description = describe_blocks(network.eval(), images, paths=blocks or None)
        except InvalidBlocks:
            raise
        except InputError as error:
            raise InputError(f"backbone {text}: {error}") from error
        except (Exception, SystemExit) as error:  # the forward is the user's
            if is_out_of_memory(error):
                raise
            raise UserCodeError(
                f"backbone {text} cannot be run on an image of {side}x{side} pixels, whose size can be given as in "
                f"{name}[image_size=32]: {describe_error(error)}"
            ) from error
        asked = required.get("num_classes", parameters["num_classes"].default if "num_classes" in takes else None)
        logits, num_classes = logits_of(
            text,
            network,
            images,
            description.output,
            asked=asked,
            rebuild=(lambda classes: function(**{**arguments, **channels, "num_classes": classes}))
            if "num_classes" in takes
            else None,
        )
        if "num_classes" not in takes and _passes_classes_on(function, parameters, arguments, images, logits):
            takes = ("num_classes", *takes)
        return TracedBackbone(
            text=text,
            stages=description.stages,
            left_out=description.left_out,
            blocks=blocks,
            image_size=side,
            num_classes=num_classes,
            min_image_size=_least_side(network.eval(), images),
            network=name,
            arguments=arguments,
            in_channels=in_channels,
            takes=takes,
            logits=logits,
            note=logits.note(text),
        )


def _defaults(parameters: Mapping[str, inspect.Parameter]) -> dict[str, str | int | float]:
    """Return the options of a function with their defaults; of its own those that are text or numbers."""
    own = {
        key: int(parameter.default) if isinstance(parameter.default, bool) else parameter.default
        for key, parameter in parameters.items()
        if isinstance(parameter.default, str | int | float) and key != "num_classes"
    }
    return {"image_size": 224, "in_channels": 3} | own


def _passes_classes_on(
    function: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    arguments: Mapping[str, Any],
    images: Tensor,
    logits: TakesLogits,
) -> bool:
    """Whether a function with a keyword catch-all builds for a number of classes all the same, as torchvision's do."""
    if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return False
    try:
        network = function(**arguments, num_classes=7).eval()
        with torch.no_grad():
            classes: int = logits(network, (), network(images)).shape[1]
    except (Exception, SystemExit):  # what it does with it is the user's
        return False
    return classes == 7


def _least_side(network: nn.Module, images: Tensor) -> int:
    """Return the smallest power of two, from 8 up to the side of the images, with which the network runs."""
    full = images.shape[2]
    side = 8
    while side < full:
        try:
            with torch.no_grad():
                network(images[:, :, :side, :side])
        except (Exception, SystemExit):  # the forward is the user's
            side *= 2
        else:
            return side
    return full
