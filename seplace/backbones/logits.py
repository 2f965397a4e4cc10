"""Where the logits are in what a network returns: many return more, such as the outputs of auxiliary heads in training.

They are what is called so (see NAMES) in a mapping or an object with fields, and the first element of a tuple or list
that has their shape.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

Place = tuple[str | int, ...]
"""The way to the logits: names of entries or fields, and positions; empty where the output itself is the logits."""

NAMES = ("logits", "out", "output", "outputs", "predictions", "prediction", "preds", "pred", "scores", "y_hat", "main")
"""In the order in which they are looked for."""


def as_plain(output: Any) -> Any:
    """Return an output as tensors in dictionaries and tuples, whichever classes it is made of."""
    if isinstance(output, Mapping):
        return {key: as_plain(value) for key, value in output.items()}
    if hasattr(output, "_fields"):
        return {name: as_plain(getattr(output, name)) for name in output._fields}
    if isinstance(output, list | tuple):
        return tuple(map(as_plain, output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return {field.name: as_plain(getattr(output, field.name)) for field in dataclasses.fields(output)}
    if hasattr(output, "__dict__") and not isinstance(output, Tensor | nn.Module | type) and not callable(output):
        return {name: as_plain(value) for name, value in vars(output).items()}
    return output


def find_logits(output: Any, *, images: int, num_classes: int | None) -> Place | None:
    """Return where the logits (images, classes) are in an output that `as_plain` gave; None where no rule tells."""
    if isinstance(output, Tensor):
        is_of_classes = output.ndim == 2 and (num_classes is None or output.shape[1] == num_classes)
        return () if is_of_classes and len(output) == images and output.is_floating_point() else None
    if isinstance(output, tuple):
        keys: list[str | int] = list(range(len(output)))
    elif isinstance(output, dict):
        keys = [name for name in NAMES if name in output]
    else:
        return None
    places = {key: find_logits(output[key], images=images, num_classes=num_classes) for key in keys}
    for key, place in places.items():
        if place is not None:
            return (key, *place)
    if isinstance(output, dict):
        # One that has their shape, whatever it is called.
        others = {key: find_logits(each, images=images, num_classes=num_classes) for key, each in output.items()}
        found = [(key, *place) for key, place in others.items() if place is not None]
        return found[0] if len(found) == 1 else None
    return None


def told_place(place: Place) -> str:
    """Return a place in words, such as `element 1` or `logits`."""
    return " of ".join(f"element {step + 1}" if isinstance(step, int) else repr(step) for step in reversed(place))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakesLogits:
    """A forward hook that lets a network return its logits alone; it can be copied with its network."""

    inference: Place
    training: Place

    def __call__(self, network: nn.Module, _given: tuple[Any, ...], output: Any) -> Any:
        """Return the logits of an output."""
        if isinstance(output, Tensor):
            return output
        for step in self.training if network.training else self.inference:
            is_field = isinstance(step, str) and not isinstance(output, Mapping)
            output = getattr(output, str(step)) if is_field else output[step]
        return output


AS_RETURNED = TakesLogits(inference=(), training=())
