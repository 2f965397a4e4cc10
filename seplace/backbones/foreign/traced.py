"""The backbone of any CNN in torch, whose blocks get slots when it is built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from seplace.backbones.backbone import Backbone
from seplace.backbones.foreign.logits import AS_RETURNED, TakesLogits
from seplace.backbones.foreign.slotted import Channels, SlotForm, give_slots
from seplace.backbones.sites import Site, Stage
from seplace.errors import InputError, UserCodeError
from seplace.user_code import user_errors

_WORDS = {"num_classes": ("classes", "class"), "in_channels": ("channels", "channel")}


@dataclass(frozen=True, kw_only=True)
class TracedSite(Site):
    """A block of a foreign network."""

    form: SlotForm
    block_type: str
    """The name of its class."""
    size: tuple[int, int]
    """Height and width of its output."""


@dataclass(frozen=True, kw_only=True)
class TracedBackbone(Backbone):
    """A foreign network: `network` is the function or class that builds it, `arguments` are its options."""

    in_channels: int
    """The channels of the images that it was traced with."""
    takes: tuple[str, ...]
    """Those of `num_classes` and `in_channels` that the function takes."""
    logits: TakesLogits = AS_RETURNED
    """The place of the logits in the network's output."""
    no_logits: str = ""
    """Why the built-in recipe cannot train the network, where it does not return logits."""

    @property
    def fixed(self) -> Mapping[str, int]:
        """Those of `num_classes` and `in_channels` that the function does not take, with the network's numbers."""
        own = {"num_classes": self.num_classes, "in_channels": self.in_channels}
        return {name: number for name, number in own.items() if name not in self.takes}

    def build(self, *, num_classes: int, in_channels: int = 3) -> nn.Module:
        """Build the plain network with empty slots in its blocks; its function draws the weights.

        The network returns only its logits.
        """
        network = self.plain(num_classes=num_classes, in_channels=in_channels)
        self.give_slots(network)
        if self.logits.inference or self.logits.training:
            network.register_forward_hook(self.logits)
        return network

    def plain(self, *, num_classes: int, in_channels: int) -> nn.Module:
        """Build the network without slots. Raises InputError where it cannot have these classes or channels."""
        wanted = {"num_classes": num_classes, "in_channels": in_channels}
        for name, number in self.fixed.items():
            if wanted[name] != number:
                raise InputError(
                    f"backbone {self.text}: {self.network} has no parameter {name}, and its network has "
                    f"{number} (asked for {wanted[name]})"
                )
        given = {name: wanted[name] for name in self.takes}
        amounts = [f"{value:,} {_WORDS[name][value == 1]}" for name, value in given.items()]
        what = f"backbone {self.text} cannot be built{' for ' if amounts else ''}{' and '.join(amounts)}"
        with user_errors(what):
            network = self.network_class(**self.arguments, **given)
        if not isinstance(network, nn.Module):
            raise UserCodeError(f"{what}: it returned a {type(network).__name__}, not a torch module")
        return network

    def give_slots(self, network: nn.Module) -> None:
        """Give slots to the blocks of a plain network, in place. Raises InputError where a block has changed."""
        for path in add_slots(network, _sites_of(self.stages)):
            raise InputError(f"backbone {self.text}: {path} is not the block that it was when it was traced")


def as_returned(backbone: Backbone) -> Backbone:
    """Return a backbone whose network returns all that its own forward returns, as in a training of the user's own."""
    return replace(backbone, logits=AS_RETURNED) if isinstance(backbone, TracedBackbone) else backbone


def _sites_of(stages: Iterable[Stage]) -> list[TracedSite]:
    sites = itertools.chain.from_iterable(stage.sites for stage in stages)
    return [site for site in sites if isinstance(site, TracedSite)]


def add_slots(network: nn.Module, sites: Iterable[TracedSite]) -> list[str]:
    """Give slots to the blocks of a network, in place; return the paths of blocks that do not have their form."""
    refused = []
    for site in sites:
        channels = Channels(entering=site.in_channels, leaving=site.channels, inner=site.widths.get("inner", 0))
        if not give_slots(network.get_submodule(site.path), site.form, channels):
            refused.append(site.path)
    return refused
