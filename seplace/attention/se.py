"""Squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507), with the squeezes and excitations of its ablations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.attention.gate import Gate, hidden_units, squashing


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


_SQUEEZES: dict[str, type[AverageSqueeze | MaximumSqueeze | PyramidSqueeze]] = {
    "avg": AverageSqueeze,
    "max": MaximumSqueeze,
    "pyramid": PyramidSqueeze,
}


class SqueezeExcitation(Gate):
    """σ(W2 φ(W1 squeeze(u))) with a given number of hidden units h."""

    def __init__(self, channels: int, hidden: int, *, init: str, squeeze: str, excitation: str, bias: str) -> None:
        super().__init__()
        has_bias = {"no": False, "yes": True}[bias]
        self.squeeze = _SQUEEZES[squeeze]()
        self.reduce = nn.Linear(self.squeeze.values * channels, hidden, bias=has_bias)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels, bias=has_bias)
        self.squash = squashing(init, excitation)
        if init == "identity":
            for parameter in self.expand.parameters():
                nn.init.zeros_(parameter)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        squeezed = self.squeeze(u, self.reduce.weight.dtype)
        gate: Tensor = self.squash(self.expand(self.relu(self.reduce(squeezed))))
        return gate[:, :, None, None].to(u.dtype)


class SE(SqueezeExcitation):
    """g(u) = σ(W2 φ(W1 avgpool(u))) with h = C/r hidden units and no biases: 2Ch parameters and MACs.

    A bias adds h + C parameters. The squeeze `pyramid` has five values a channel: 5Ch + Ch parameters and MACs. An
    excitation replaces σ; `relu` and `tanh` do not keep the gate between 0 and 1. `reduced_from` is the number of
    channels that the ratio divides, where it is not C: in EfficientNet it is that of the block's input
    (`se[reduced_from=input]4`).
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
        reduced_from: int | None = None,
    ) -> None:
        hidden = hidden_units(channels if reduced_from is None else reduced_from, ratio, min_hidden)
        super().__init__(channels, hidden, init=init, squeeze=squeeze, excitation=excitation, bias=bias)
