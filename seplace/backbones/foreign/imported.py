"""The backbone of an import path: of a function or class that returns a network, or a Backbone."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone, NoBlocksToName, parse_options, text_of
from seplace.backbones.foreign.describing import describe_blocks
from seplace.backbones.foreign.logits import AS_RETURNED, TakesLogits, logits_of
from seplace.backbones.foreign.traced import TracedBackbone
from seplace.errors import InputError, InvalidBlocks, UserCodeError
from seplace.user_code import describe_error, is_out_of_memory, user_errors

_GIVEN = ("num_classes", "in_channels")
"""The parameters that describe the data; all others of the function are options."""


@functools.cache
def describe_import(name: str, options: str, blocks: tuple[str, ...] = ()) -> Backbone:
    """Describe the backbone of an import path and the text of its options.

    `blocks` names the blocks of the network; without it they are found. The network is built and traced on the CPU, and
    the global random state does not change. Raises InputError, InvalidBlocks or UserCodeError.
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
        except (Exception, SystemExit) as error:  # the forward is the user's code
            if is_out_of_memory(error):
                raise
            raise UserCodeError(
                f"backbone {text} cannot be run on an image of {_what_can_be_given(text, side, in_channels, error)}: "
                f"{describe_error(error)}"
            ) from error
        built_for = required.get("num_classes", parameters["num_classes"].default if "num_classes" in takes else None)
        no_logits = ""
        try:
            logits, num_classes = logits_of(
                text,
                network,
                images,
                description.output,
                built_for=built_for,
                rebuild=(lambda classes: function(**{**arguments, **channels, "num_classes": classes}))
                if "num_classes" in takes
                else None,
            )
        except UserCodeError:
            raise
        except InputError as error:  # a training of the user's own may take what it returns
            logits, no_logits = AS_RETURNED, str(error)
            num_classes = built_for if isinstance(built_for, int) and built_for > 0 else 1
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
            network=BACKBONES.entry(name).path,
            arguments=arguments,
            in_channels=in_channels,
            takes=takes,
            logits=logits,
            no_logits=no_logits,
            note=logits.note(text),
        )


def _defaults(parameters: Mapping[str, inspect.Parameter]) -> dict[str, str | int | float]:
    """Return the options of a function with their defaults: parameters that are text or numbers."""
    own = {
        key: int(parameter.default) if isinstance(parameter.default, bool) else parameter.default
        for key, parameter in parameters.items()
        if isinstance(parameter.default, str | int | float) and key != "num_classes"
    }
    return own | {key: value for key, value in {"image_size": 224, "in_channels": 3}.items() if key not in own}


def _what_can_be_given(text: str, side: int, in_channels: int, error: BaseException) -> str:
    """Return which property of an image a network may not take, and how another is given."""
    wanted = re.search(rf"to have (\d+) channels, but got {in_channels} channels", str(error))
    if wanted is not None:
        options = f"{text[:-1]}," if text.endswith("]") else f"{text}["
        return f"{in_channels} channels, whose number can be given as in {options}in_channels={wanted[1]}]"
    return f"{side}x{side} pixels, whose size can be given as in {text.partition('[')[0]}[image_size=32]"


def _passes_classes_on(
    function: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    arguments: Mapping[str, Any],
    images: Tensor,
    logits: TakesLogits,
) -> bool:
    """Whether a function takes `num_classes` through `**kwargs`, as those of torchvision do."""
    if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return False
    try:
        network = function(**arguments, num_classes=7).eval()
        with torch.no_grad():
            classes: int = logits(network, (), network(images)).shape[1]
    except (Exception, SystemExit):  # the function is the user's code
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
        except (Exception, SystemExit):  # the forward is the user's code
            side *= 2
        else:
            return side
    return full
