"""The places of gates in a network: sites (its blocks), and stages of sites. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Site:
    """A block of a network that can have a gate."""

    path: str
    """The path of the block in the network, such as `stages.0.1`."""
    widths: Mapping[str, int]
    """The attachments that the block takes, with the channels of the map that the gate sees."""
    in_channels: int
    channels: int
    has_native_gate: bool = False
    """Whether the network's authors put a gate here, which the choice `native` keeps."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The blocks of one choice: all of one resolution, or a single one."""

    sites: tuple[Site, ...]

    @property
    def in_channels(self) -> int:
        """The channels that enter the first block."""
        return self.sites[0].in_channels

    @property
    def channels(self) -> int:
        """The channels that leave the last block."""
        return self.sites[-1].channels

    @cached_property
    def widths(self) -> dict[str, int]:
        """The attachments that all blocks take, each with the least width of a gate.

        `exit`, one gate after the last block, is offered only where a stage has several blocks.
        """
        shared = {
            name: min(site.widths[name] for site in self.sites)
            for name in self.sites[0].widths
            if all(name in site.widths for site in self.sites)
        }
        return shared | ({"exit": self.channels} if len(self.sites) > 1 else {})

    @property
    def has_native_gate(self) -> bool:
        """Whether the network's authors put a gate into any of the blocks."""
        return any(site.has_native_gate for site in self.sites)


def residual_widths(in_channels: int, channels: int, *, inner: int | None = None) -> dict[str, int]:
    """Return the attachments of a block with a shortcut, and the widths of their gates.

    `inner` is the width of the block's 3x3 convolution, None where it has none.
    """
    widths = {"serial": channels, "parallel": channels, "cross": channels, "pre": in_channels, "post": channels}
    return widths if inner is None else widths | {"inner": inner}


def residual_stage(number: int, *, in_channels: int, channels: int, blocks: int, inner: int | None = None) -> Stage:
    """Describe stage `number` (from 0) of equal residual blocks, found at `stages.<number>.<block>`.

    `inner` is the width of their 3x3 convolution where its norm and non-linearity follow it.
    """
    entering = (in_channels, *[channels] * (blocks - 1))
    return Stage(
        sites=tuple(
            Site(
                path=f"stages.{number}.{block}",
                widths=residual_widths(before, channels, inner=inner) | ({} if inner is None else {"kernel": inner}),
                in_channels=before,
                channels=channels,
            )
            for block, before in enumerate(entering)
        )
    )


def chain_stage(number: int, *, in_channels: int, channels: Sequence[int]) -> Stage:
    """Describe stage `number` (from 0) of blocks without a shortcut, found at `stages.<number>.<block>`.

    `channels` are those that leave each block.
    """
    return Stage(
        sites=tuple(
            Site(path=f"stages.{number}.{block}", widths=chain_widths(after), in_channels=before, channels=after)
            for block, (before, after) in enumerate(pairwise((in_channels, *channels)))
        )
    )


def chain_widths(channels: int) -> dict[str, int]:
    """Return the attachments of a block without a shortcut, and the widths of their gates."""
    return {"serial": channels, "parallel": channels}
