"""The description of a backbone, without torch: its text, its stages and the class of its network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from seplace.backbones.sites import Stage
from seplace.errors import InputError, did_you_mean, quoted
from seplace.user_code import user_errors_if
from seplace.user_modules import resolve

if TYPE_CHECKING:
    from torch import nn

Granularity = Literal["stage", "block"]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network without attention: the sites of its gates, and how to build it."""

    text: str
    """The name with its options, such as `cifar_resnet20[width=0.5]`."""
    stages: tuple[Stage, ...]
    image_size: int
    """The usual side of an input image, in pixels."""
    num_classes: int
    """The usual number of classes."""
    min_image_size: int
    """The least side of an image, in pixels, that every stride can halve."""
    network: str
    """`module:Class` of the torch network; its blocks are at `stages.<stage>.<block>`."""
    arguments: Mapping[str, Any]
    """Literal arguments of the network class, beside `num_classes` and `in_channels`."""
    note: str = ""
    """A note for the user on how the network is used; may be empty."""
    granularity: Granularity = "stage"
    """The part of the network that has one choice of a placement."""
    blocks: tuple[str, ...] = ()
    """The paths by which a user names the blocks of a network; empty where they are found or described."""
    left_out: tuple[str, ...] = ()
    """Modules of such a network that look like blocks and are not, a sentence each."""

    @property
    def fixed(self) -> Mapping[str, int]:
        """Those of `num_classes` and `in_channels` that the network cannot have otherwise, with their numbers."""
        return {}

    @cached_property
    def units(self) -> tuple[Stage, ...]:
        """The parts with one choice each: the stages, or the single blocks."""
        if self.granularity == "stage":
            return self.stages
        return tuple(Stage(sites=(site,)) for stage in self.stages for site in stage.sites)

    @property
    def units_of_last_stage(self) -> int:
        """The number of units in the last stage."""
        return 1 if self.granularity == "stage" else len(self.stages[-1].sites)

    @property
    def is_own(self) -> bool:
        """Whether the network is the user's own; those of the examples are like them."""
        return not self.network.startswith("seplace.") or self.network.startswith("seplace.examples.")

    def build(self, *, num_classes: int, in_channels: int = 3) -> nn.Module:
        """Build the plain network; its weights are drawn from torch's global random state."""
        with user_errors_if(self.is_own, f"backbone {self.text} cannot be built for {num_classes} classes"):
            network: nn.Module = self.network_class(**self.arguments, num_classes=num_classes, in_channels=in_channels)
        return network

    @property
    def network_class(self) -> Any:
        """The class named by `network`; it imports torch."""
        return resolve(self.network, kind="network")


class NoBlocksToName(InputError):
    """Blocks are named for a backbone that describes its own."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text} describes its blocks itself; name blocks of a network of your own alone")


def check_width(name: str, width: float) -> None:
    """Raise InputError where `width`, the factor of a network's channels, is out of its range."""
    if not 0 < width <= 64:
        raise InputError(f"{name}: width is a factor over 0 and at most 64, got {width:g}")


def canonical_text(name: str, options: Mapping[str, Any], entry: Callable[..., Backbone]) -> str:
    """Return `name[key=value,…]`, keys sorted, options at their defaults left out."""
    return text_of(name, options, defaults_of(entry))


def text_of(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return `name[key=value,…]`, keys sorted, options at their defaults left out."""
    changed = {key: value for key, value in options.items() if value != defaults[key]}
    inside = ",".join(
        f"{key}={f'{changed[key]:g}' if isinstance(changed[key], float) else changed[key]}" for key in sorted(changed)
    )
    return f"{name}[{inside}]" if inside else name


_CLASSES = ": the number of classes is `training.classes` in a study with a training of your own, else that of the data"


def parse_options(name: str, text: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Read `key=value,…`, with the keys of `defaults` and values of their types. Raises InputError."""
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if key not in defaults or not equals:
            known = ", ".join(defaults) or "none"
            meant = _CLASSES if key == "num_classes" else did_you_mean(key, defaults)
            raise InputError(f"backbone {name}: unknown option {quoted(part)}{meant} (known: {known})")
        kind = type(defaults[key])
        try:
            options[key] = kind(value)
        except ValueError as error:
            raise InputError(f"backbone {name}: option {key} takes a {kind.__name__} (got {quoted(value)})") from error
    return options


def defaults_of(entry: Callable[..., Backbone]) -> dict[str, Any]:
    """Return the options of a description with their defaults."""
    return {key: parameter.default for key, parameter in inspect.signature(entry).parameters.items()}
