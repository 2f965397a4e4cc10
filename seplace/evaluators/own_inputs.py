"""What is said where a network is given other inputs than its costs are counted for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seplace.evaluators.own_networks import OwnNetworks

_LISTED = 3
"""The most shapes of inputs that are named."""


def notes_of_inputs(networks: OwnNetworks, given: Collection[tuple[int, ...]]) -> Iterator[str]:
    """Yield that the network is never given an input as costs are counted for; those of a module may be others.

    It is no error: images of several sizes may be trained on.
    """
    counted = networks.input_shape
    if networks.training.cost_of != "network" or not given or counted in given:
        return
    shapes = sorted(given)
    listed = " and ".join(" x ".join(map(str, shape)) for shape in shapes[:_LISTED])
    more = ", among others" if len(shapes) > _LISTED else ""
    said = "training.input" if networks.training.input else "the module's example_input_array"
    yield (
        f"your data give the network {listed}{more}, and {said} is {list(counted)}: costs are counted for the latter"
    )
