"""Squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507), with the squeezes and excitations of its ablations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units, squashing


class AverageSqueeze(nn.Module):
    """The mean of each channel."""

    values = 1

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, C) of u (N, C, H, W)."""
        return u.mean((2, 3), dtype=dtype)


class MaximumSqueeze(nn.Module):
    """The maximum of each channel, by `max`, whose gradient is sound in compiled networks, too (see `cbam.py`)."""

    values = 1

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, C) of u (N, C, H, W)."""
        return u.flatten(2).max(2).values.to(dtype)


class PyramidSqueeze(nn.Module):
    """The means of each channel over grids of 1x1 and 2x2 cells (He et al., 2014, arXiv:1406.4729)."""

    values = 1 + 4

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, 5C) of u (N, C, H, W): the C means, then the four cells of each channel."""
        cells = F.adaptive_avg_pool2d(u.to(dtype), 2)
        return torch.cat([u.mean((2, 3), dtype=dtype), cells.flatten(1)], dim=1)


class NoSqueeze(nn.Module):
    """Every position by itself (NoSqueeze in table 16 of the paper)."""

    values = 1

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, C, H, W) of u (N, C, H, W)."""
        return u.to(dtype)


_SQUEEZES: dict[str, type[AverageSqueeze | MaximumSqueeze | PyramidSqueeze | NoSqueeze]] = {
    "avg": AverageSqueeze,
    "max": MaximumSqueeze,
    "pyramid": PyramidSqueeze,
    "none": NoSqueeze,
}

_ACTIVATIONS: dict[str, type[nn.ReLU | nn.Hardswish | nn.SiLU]] = {
    "relu": nn.ReLU,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
}


class OverTheMap(nn.Module):
    """The gate of a whole map: one value a channel, at every position."""

    def forward(self, gate: Tensor) -> Tensor:
        """Map (N, C) to (N, C, 1, 1)."""
        return gate[:, :, None, None]


class SqueezeExcitation(FullPrecisionGate):
    """σ(W2 φ(W1 squeeze(u))) with a given number of hidden units h."""

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        init: str,
        squeeze: str,
        excitation: str,
        bias: str,
        activation: str,
    ) -> None:
        super().__init__()
        has_bias = {"no": False, "yes": True}[bias]
        has_positions = squeeze == "none"
        self.squeeze = _SQUEEZES[squeeze]()
        self.reduce = _layer(self.squeeze.values * channels, hidden, bias=has_bias, has_positions=has_positions)
        self.activation = _ACTIVATIONS[activation](inplace=True)
        self.expand = _layer(hidden, channels, bias=has_bias, has_positions=has_positions)
        self.squash = squashing(init, excitation)
        self.spread = nn.Identity() if has_positions else OverTheMap()
        if init == "identity":
            for parameter in self.expand.parameters():
                nn.init.zeros_(parameter)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W), without a squeeze (N, C, H, W)."""
        squeezed = self.squeeze(u, self.reduce.weight.dtype)
        gate: Tensor = self.spread(self.squash(self.expand(self.activation(self.reduce(squeezed)))))
        return gate.to(u.dtype)


def _layer(inputs: int, outputs: int, *, bias: bool, has_positions: bool) -> nn.Linear | nn.Conv2d:
    """Return a fully connected layer, or the 1x1 convolution that applies it at every position."""
    return nn.Conv2d(inputs, outputs, 1, bias=bias) if has_positions else nn.Linear(inputs, outputs, bias=bias)


class SE(SqueezeExcitation):
    """g(u) = σ(W2 φ(W1 avgpool(u))) with h = C/r hidden units and no biases: 2Ch parameters and MACs.

    A bias adds h + C parameters. The squeeze `pyramid` has five values a channel: 5Ch + Ch parameters and MACs. Without
    a squeeze (`none`) both layers are 1x1 convolutions, 2Ch·H·W MACs, and the gate has a value at every position. An
    excitation replaces σ; `relu` and `tanh` do not keep the gate between 0 and 1. An activation replaces φ.
    `reduced_from` is the number of channels that the ratio divides, where it is not C: in EfficientNet, whose φ is
    `silu`, it is that of the block's input (`se[activation=silu,bias=yes,reduced_from=input]4`).
    """

    def __init__(
        self,
        channels: int,
        *,
        ratio: int,
        min_hidden: int = 1,
        init: str = "paper",
        squeeze: str = "avg",
        excitation: str = "sigmoid",
        bias: str = "no",
        activation: str = "relu",
        reduced_from: int | None = None,
    ) -> None:
        super().__init__(
            channels,
            hidden_units(channels if reduced_from is None else reduced_from, ratio, min_hidden),
            init=init,
            squeeze=squeeze,
            excitation=excitation,
            bias=bias,
            activation=activation,
        )
