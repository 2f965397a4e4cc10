"""Parts that gates share: hidden units, squashing, the start at the identity, and full precision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Gates clamp values to this magnitude before they square them or multiply them by the map: the gate of a map with
# larger values is finite, if not exact.
LARGEST_SQUARED = 1e15


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


def full_precision(u: Tensor) -> torch.autocast:
    """Return a context in which layers run in the precision of their weights under mixed precision, too."""
    return torch.autocast(u.device.type, enabled=False)


def full_dtype(u: Tensor) -> torch.dtype:
    """Return fp32, or the type of `u` where that is wider, for gates without weights."""
    return torch.promote_types(u.dtype, torch.float32)
