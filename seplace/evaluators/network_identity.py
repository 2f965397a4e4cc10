"""The identity of a network of the user's own: its parameters, operators, loaded values and computed values."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from seplace.backbones.foreign.traced import TracedBackbone
from seplace.models import attention_maker
from seplace.space import gate_width

if TYPE_CHECKING:
    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.backbones.sites import Stage
    from seplace.placement import StageChoice

_GATED_SIDE = 8
"""The side of the map on which an attention module is run."""

_SHOWN = 16
"""The number of kept values of an output."""

_WEIGHED = 1 << 20
"""The number of evenly spaced values of a tensor that enter its weighted sum."""


def identity_of_backbone(backbone: Backbone, *, num_classes: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the identity of a plain network for images of a shape (C, H, W)."""
    stages = [[[site.path, site.in_channels, site.channels] for site in stage.sites] for stage in backbone.stages]
    # Without seplace's slots, whose names can differ between versions.
    build = backbone.plain if isinstance(backbone, TracedBackbone) else backbone.build
    own = _identity(lambda: build(num_classes=num_classes, in_channels=shape[0]), shape=(2, *shape))
    return {"stages": stages, **own}


def identity_of_choice(choice: StageChoice, unit: Stage, *, gate: GateOptions) -> dict[str, Any]:
    """Return the identity of an attention module with the width of a stage."""
    width = gate_width(unit, choice.attachment)
    assert width is not None  # the space has been checked
    make = attention_maker(choice, gate=gate, block_input=unit.in_channels)
    return _identity(lambda: make(width), shape=(2, width, _GATED_SIDE, _GATED_SIDE))


def _identity(build: Callable[[], nn.Module], *, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the identity of a network that is built anew three times, on the CPU."""
    with seeded(0):
        network = build()
    with seeded(0):
        again = build()
    with seeded(1):
        other = build()
    state, repeated_state, others = (each.state_dict() for each in (network, again, other))
    parameters = [
        [name, list(tensor.shape), str(tensor.dtype)] for name, tensor in state.items() if isinstance(tensor, Tensor)
    ]
    learning = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    kept = _independent_of_seed(state, others)
    identity: dict[str, Any] = {
        "torch": torch.__version__.partition("+")[0],
        "parameters": _digest([parameters, learning]),
        "values": _numbers_of(kept.values()),
        # Behind a layer that starts at zero, weights that are drawn in another way do not change the output.
        "drawn": _numbers_of(
            tensor for name, tensor in _independent_of_seed(state, repeated_state).items() if name not in kept
        ),
    }
    with seeded(0):
        images = torch.rand(shape)
    (inference, repeated), (training, trained) = (
        [_ran(each, images, is_training=mode) for each in (network, again)] for mode in (False, True)
    )
    # An output that differs between two runs, such as that of a network that is random in eval mode, is left out.
    if inference is not None and inference == repeated:
        identity["output"] = inference.numbers
        identity["operators"] = _digest(
            [inference.calls, None if training is None else training.calls, _learning_calls(network, images)]
        )
        identity["constants"] = inference.constants
        if training is not None and trained is not None and training.constants == trained.constants:
            identity["constants"] = inference.constants + training.constants
    return identity


def _independent_of_seed(state: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors that were not drawn: constants, and values loaded from a checkpoint."""
    return {
        name: tensor
        for name, tensor in state.items()
        if isinstance(tensor, Tensor) and name in others and torch.equal(tensor, others[name])
    }


def _numbers_of(tensors: Iterable[Tensor]) -> list[list[float]]:
    """Return for each tensor its norm and a weighted sum, which change with its values beyond rounding."""
    numbers = []
    for tensor in tensors:
        real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        flat = real.detach().flatten()
        some = flat[:: max(1, flat.numel() // _WEIGHED)].double()
        weights = torch.cos(torch.arange(some.numel(), dtype=torch.float64))
        numbers.append([_plain(flat.float().norm()), _plain(some @ weights)])
    return numbers


def _plain(number: Tensor) -> float:
    """Return a number for JSON; 0 where it is not finite."""
    return float(number) if bool(torch.isfinite(number)) else 0.0


@dataclass(frozen=True, kw_only=True)
class _Run:
    """The record of a forward pass."""

    calls: list[Any]
    constants: list[list[float]]
    """The numbers of tensors in its operators that are neither parameters nor buffers of its state."""
    numbers: list[list[float]]
    """The first values of its output, and the numbers of each tensor of the output."""


def _ran(network: nn.Module, images: Tensor, *, is_training: bool) -> _Run | None:
    """Run a network forward; None where it fails."""
    network.train(is_training)
    held = [images, *network.state_dict(keep_vars=True).values()]
    with seeded(0), torch.no_grad(), _Operators(held) as operators:
        try:
            output = network(images)
        except (Exception, SystemExit):  # the user's forward may not work in this mode
            return None
    leaves = [leaf.detach() for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    shown = [_plain(number) for leaf in leaves for number in leaf.flatten()[:_SHOWN].float()]
    return _Run(calls=operators.calls, constants=operators.constants, numbers=[shown, *_numbers_of(leaves)])


def _learning_calls(network: nn.Module, images: Tensor) -> list[list[Any]] | None:
    """Return the operators of a forward and a backward pass; the backward pass shows what learns."""
    network.train()
    with seeded(0), torch.enable_grad(), _Operators() as operators:
        try:
            output = network(images)
            for leaf in tree_leaves(output):
                if isinstance(leaf, Tensor) and leaf.requires_grad:
                    leaf.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
        except (Exception, SystemExit):  # the code is the user's
            return None
    noted: list[list[Any]] = operators.calls
    return noted


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the operators that run, with the shapes of tensors and all other arguments.

    With `held`, the tensors of the network, it also records the numbers of all tensors that come from elsewhere.
    """

    def __init__(self, held: Iterable[Any] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[list[Any]] = []
        self.constants: list[list[float]] = []
        self._is_noting = held is not None
        self._known = WeakTensorKeyDictionary()
        self._know(held or ())

    def _know(self, values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, Tensor):
                self._known[value] = True

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator, and record it."""
        leaves, _ = tree_flatten((args, dict(kwargs or {})))
        noted = [list(leaf.shape) if isinstance(leaf, Tensor) else repr(leaf) for leaf in leaves]
        self.calls.append([str(func), noted])
        if not self._is_noting:
            return func(*args, **(kwargs or {}))
        foreign = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf not in self._known]
        self.constants += _numbers_of(foreign)
        result = func(*args, **(kwargs or {}))
        self._know((*foreign, *tree_leaves(result)))
        return result


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch, Python and NumPy on the CPU; their states are restored afterwards."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
