"""The place of the logits in a network's output: many return more, such as the outputs of auxiliary heads in training.

In a mapping or an object with fields they are an entry with one of NAMES; in a tuple or list, the first element of
their shape. In training, they are the output that depends on the same parameters as the logits in inference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seplace.errors import InputError
from seplace.user_code import user_errors

Place = tuple[str | int, ...]
"""The path to the logits: names of entries or fields, and positions; empty where the output is the logits."""

NAMES = ("logits", "out", "output", "outputs", "predictions", "prediction", "preds", "pred", "scores", "y_hat", "main")
"""The names of entries that hold logits, in the order of preference."""


def as_plain(output: Any) -> Any:
    """Return an output of any classes as tensors in dictionaries and tuples."""
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
    """Return the place of the logits (images, classes) in an output of `as_plain`, or None."""
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
        # The only entry that has their shape, under any name.
        others = {key: find_logits(each, images=images, num_classes=num_classes) for key, each in output.items()}
        found = [(key, *place) for key, place in others.items() if place is not None]
        return found[0] if len(found) == 1 else None
    return None


def _described_place(place: Place) -> str:
    """Return a place in words, such as `element 1` or `'logits'`."""
    return " of ".join(f"element {step + 1}" if isinstance(step, int) else repr(step) for step in reversed(place))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakesLogits:
    """A forward hook that makes a network return only its logits; it can be copied with its network."""

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

    def note(self, text: str) -> str:
        """Return a note on the other outputs of a backbone, or an empty text where it returns only logits."""
        if not (self.inference or self.training):
            return ""
        places = [f"{_described_place(place)} in {mode}" for mode, place in vars(self).items() if place]
        if self.inference == self.training:
            places = [_described_place(self.training)]
        return (
            f"backbone {text} returns more than its logits, which are {' and '.join(places)}: the other outputs, "
            "auxiliary heads say, are not used and not trained"
        )


_MORE = 3
"""The number of classes that are added to find the outputs whose size depends on it."""

AS_RETURNED = TakesLogits(inference=(), training=())


def logits_of(
    text: str,
    network: nn.Module,
    images: Tensor,
    output: Any,
    *,
    built_for: Any,
    rebuild: Callable[[int], Any] | None,
) -> tuple[TakesLogits, int]:
    """Find the logits in the outputs of a network in inference and in training; return their places and number.

    `built_for` is the number of classes of the network, where it is known. `rebuild` builds it for another number,
    which finds the logits among several outputs. The network is left in training mode. Raises InputError or
    UserCodeError.
    """

    def found(returned: Any, *, count: int, classes: int | None, mode: str) -> Place:
        place = find_logits(returned, images=count, num_classes=classes)
        if place is None:
            wanted = f"(N, {'classes' if classes is None else classes})"
            raise InputError(
                f"backbone {text}: does not map images (N, C, H, W) to logits {wanted}: {mode} it returns "
                f"{_described(returned)}; let the logits be what it returns, the first of a tuple, or an entry 'logits'"
            )
        return place

    plain = as_plain(output)
    is_as_built = isinstance(built_for, int) and find_logits(plain, images=1, num_classes=built_for) is not None
    inference = found(plain, count=1, classes=built_for if is_as_built else None, mode="in inference")
    classes: int = _at(plain, inference).shape[1]
    batch = torch.cat([images, images.flip(3)])
    with user_errors(f"backbone {text} cannot be run in training mode"), torch.no_grad():
        returned = as_plain(network.train()(batch))
    training = found(returned, count=2, classes=classes, mode="in training")
    logits = TakesLogits(inference=inference, training=training)
    if rebuild is not None and (inference or training):
        logits = _following(rebuild, batch, num_classes=classes + _MORE) or logits
    if any(isinstance(step, int) for step in logits.training):
        alike = _learning_alike(network, batch, logits, num_classes=classes)
        logits = dataclasses.replace(logits, training=logits.training if alike is None else alike)
    return logits, int(_at(plain, logits.inference).shape[1])


def _following(rebuild: Callable[[int], Any], batch: Tensor, *, num_classes: int) -> TakesLogits | None:
    """Return the places of the logits in a network that is built for a number of classes, or None."""
    places = []
    try:
        network = rebuild(num_classes)
        for is_training in (False, True):
            with torch.no_grad():
                output = as_plain(network.train(is_training)(batch))
            places.append(find_logits(output, images=len(batch), num_classes=num_classes))
    except (Exception, SystemExit):  # the user's code may only work for one number of classes
        return None
    inference, training = places
    return None if inference is None or training is None else TakesLogits(inference=inference, training=training)


def _learning_alike(network: nn.Module, batch: Tensor, logits: TakesLogits, *, num_classes: int) -> Place | None:
    """Return the place of the output in training that depends on the same parameters as the logits in inference.

    The first element of a tuple may be that of an auxiliary head. None where there is not exactly one such output.
    """

    def learning(output: Any) -> frozenset[str]:
        named = {name: each for name, each in network.named_parameters() if each.requires_grad}
        gradients = torch.autograd.grad(output.sum(), list(named.values()), retain_graph=True, allow_unused=True)
        return frozenset(name for name, each in zip(named, gradients, strict=True) if each is not None)

    try:
        with torch.enable_grad():
            wanted = learning(_at(as_plain(network.eval()(batch)), logits.inference))
            output = as_plain(network.train()(batch))
            places = list(_places(output, images=len(batch), num_classes=num_classes))
            alike = [place for place in places if learning(_at(output, place)) == wanted] if len(places) > 1 else []
    except (Exception, SystemExit):  # the user's network may have nothing that learns
        return None
    finally:
        network.train()
    return alike[0] if len(alike) == 1 else None


def _places(output: Any, *, images: int, num_classes: int) -> Iterator[Place]:
    """Yield the places of all outputs of the shape of logits."""
    if isinstance(output, Tensor):
        if find_logits(output, images=images, num_classes=num_classes) is not None:
            yield ()
        return
    keys = range(len(output)) if isinstance(output, tuple) else output if isinstance(output, dict) else ()
    for key in keys:
        for place in _places(output[key], images=images, num_classes=num_classes):
            yield (key, *place)


def _at(output: Any, place: Place) -> Any:
    for step in place:
        output = output[step]
    return output


def _described(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, dict):
        return f"entries {', '.join(map(str, output))}"
    return f"{len(output)} elements" if isinstance(output, tuple) else f"a {type(output).__name__}"
