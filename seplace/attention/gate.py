"""Parts that gates share: hidden units, squashing, the start at the identity, and full precision."""

# torch.jit lists no names, and torch.jit.script reads a comment behind a statement as a type.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

import torch
from torch import Tensor, fx, nn


class TwiceSigmoid(nn.Module):
    """2σ(x): a gate between 0 and 2 that is exactly 1, with a live gradient, where its input is 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return 2 * torch.sigmoid(x)


class OnePlusTanh(nn.Module):
    """1 + tanh(x): a gate between 0 and 2 that is exactly 1, with a live gradient, where its input is 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return 1 + torch.tanh(x)


class ReLUOfOnePlus(nn.Module):
    """φ(1 + x): a gate from 0 up that is exactly 1, with a live gradient, where its input is 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return torch.relu(1 + x)


class TwiceHardsigmoid(nn.Module):
    """2 min(max(x + 3, 0), 6) / 6: a gate between 0 and 2 that is exactly 1, with a live gradient, at 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return 2 * nn.functional.hardsigmoid(x)


_SQUASHINGS: dict[tuple[str, str], type[nn.Module]] = {
    ("sigmoid", "paper"): nn.Sigmoid,
    ("sigmoid", "identity"): TwiceSigmoid,
    ("tanh", "paper"): nn.Tanh,
    ("tanh", "identity"): OnePlusTanh,
    ("relu", "paper"): nn.ReLU,
    ("relu", "identity"): ReLUOfOnePlus,
    ("hardsigmoid", "paper"): nn.Hardsigmoid,
    ("hardsigmoid", "identity"): TwiceHardsigmoid,
}


def squashing(init: str, kind: str = "sigmoid") -> nn.Module:
    """Return the squashing of a gate's output: that of the papers, or one that is 1 where its input is 0."""
    return _SQUASHINGS[kind, init]()


class Faded(nn.Module):
    """1 + a(g − 1): a gate without parameters, with one learned strength a that starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, gate: Tensor) -> Tensor:
        """Return a tensor of the shape of `gate`."""
        return 1 + self.strength * (gate - 1)


def fading(init: str) -> nn.Module:
    """Return the module that lets a gate without parameters start as it is (`paper`) or at one (`identity`)."""
    starts: dict[str, type[nn.Module]] = {"paper": nn.Identity, "identity": Faded}
    return starts[init]()


def hidden_units(channels: int, ratio: int, min_hidden: int) -> int:
    """Return h = max(⌊C/r⌋, min_hidden). Raises ValueError for ⌊C/r⌋ = 0, where the gate would be a constant 0.5."""
    if channels // ratio < 1:
        raise ValueError(f"a reduction ratio of {ratio} leaves {channels} channels no hidden unit")
    return max(channels // ratio, min_hidden)


@fx.wrap
def entered_full_precision(u: Tensor) -> ExitStack:
    """Switch mixed precision off; a call of a traced graph."""
    context = ExitStack()
    context.enter_context(torch.autocast(u.device.type, enabled=False))
    return context


@fx.has_side_effect
@fx.wrap
def leave_full_precision(context: ExitStack) -> None:
    """Switch mixed precision on again where it was on; a call of a traced graph, which needs no result to stay."""
    context.close()


class TracedFullPrecision:
    """The context of `full_precision` in a graph of torch.fx, which holds calls and no contexts."""

    def __init__(self, u: Tensor) -> None:
        self.u = u

    def __enter__(self) -> None:
        self.context = entered_full_precision(self.u)

    def __exit__(self, *_: object) -> None:
        leave_full_precision(self.context)


def full_precision(u: Tensor) -> AbstractContextManager[object]:
    """Return a context in which layers run in the precision of their weights under mixed precision, too."""
    return TracedFullPrecision(u) if isinstance(u, fx.Proxy) else torch.autocast(u.device.type, enabled=False)


class FullPrecisionGate(nn.Module):
    """A gate that is computed in the precision of its weights, under mixed precision, too.

    A script of torch.jit is the exception: it cannot leave the mixed precision around it.
    """

    __constants__: Sequence[str] = ("largest_squared",)
    largest_squared = 1e15
    """The magnitude to which values are clamped before they are squared or multiplied by the map: the gate of a map
    with larger values is finite, if not exact."""

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate of u (N, C, H, W), in the type of u."""
        raise NotImplementedError

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate of u (N, C, H, W), in the type of u."""
        if torch.jit.is_scripting():
            return self.compute(u)
        with full_precision(u):
            return self.compute(u)


@fx.wrap
def promoted(dtype: torch.dtype) -> torch.dtype:
    """Return fp32, or `dtype` where that is wider; in a traced graph, a call."""
    return torch.promote_types(dtype, torch.float32)


def full_dtype(u: Tensor) -> torch.dtype:
    """Return fp32, or the type of `u` where that is wider, for gates without weights."""
    return promoted(u.dtype)


@fx.wrap
def check_values(count: int, message: str) -> None:
    """Raise ValueError unless there are several values; in a traced graph, a call."""
    if count == 1:
        raise ValueError(message)


def refuse_single_value(count: int, message: str) -> None:
    """Raise ValueError where a batch norm would train on a single value a channel."""
    check_values(count, message)
