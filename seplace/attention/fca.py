"""Frequency channel attention (Qin et al., 2021, arXiv:2012.11879)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units, squashing

# The two-dimensional frequencies (row, column) of a 7x7 map, two digits each: `top` ranks them by the accuracy of a
# network that has each alone, `bot` does so from the worst, and `low` begins with the lowest frequency.
_RANKED = {
    "top": "00 01 60 05 02 10 12 40 50 16 30 04 06 03 35 22 46 63 33 53 55 21 61 52 54 32 31 41 23 20 65 13",
    "bot": "66 14 34 36 26 43 11 24 44 45 56 15 42 62 25 51 64 13 65 20 23 41 31 32 54 52 61 21 55 53 33 63",
    "low": "00 01 10 11 02 20 21 12 22 03 30 40 04 13 31 05 14 23 32 41 50 06 15 24 33 42 51 60 16 25 34 43",
}


class FCA(FullPrecisionGate):
    """g(u) = σ(W2 φ(W1 z)) with h = C/r hidden units; z_c is one coefficient of the cosine transform of a channel.

    u is pooled to k x k = `map_size` first, which changes no map of that size; the authors take 56, 28, 14 and 7 in the
    stages of a ResNet on 224 pixels. `frequencies` such as `top16` names 16 frequencies of a 7x7 map, and each is that
    of C/16 successive channels: z_c = Σ_ij u_cij cos(πa(i + ½)/7) cos(πb(j + ½)/7) / k, times √2 for each of a and b
    that is not 0. With fewer channels than frequencies the first ones are taken. `top1` and `low1` are the average,
    times k. The sum over rows is taken first: 2Ch parameters, 2Ch + Ck² + Ck MACs.
    """

    def __init__(
        self,
        channels: int,
        *,
        ratio: int,
        min_hidden: int = 1,
        init: str = "paper",
        frequencies: str = "top16",
        map_size: int = 7,
    ) -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, min_hidden)
        self.map_size = map_size
        self.row_waves: Tensor
        self.column_waves: Tensor
        row_waves, column_waves = cosine_waves(channels, frequencies, map_size)
        self.register_buffer("row_waves", row_waves, persistent=False)
        self.register_buffer("column_waves", column_waves, persistent=False)
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels, bias=False)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.expand.weight)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        pooled = F.adaptive_avg_pool2d(u.to(self.reduce.weight.dtype), self.map_size)
        columns = torch.einsum("nchw,ch->ncw", [pooled, self.row_waves])
        squeezed = torch.einsum("ncw,cw->nc", [columns, self.column_waves])
        gate: Tensor = self.squash(self.expand(self.relu(self.reduce(squeezed))))
        return gate[:, :, None, None].to(u.dtype)


def cosine_waves(channels: int, frequencies: str, map_size: int) -> tuple[Tensor, Tensor]:
    """Return the waves (C, k) of each channel's frequency along rows and along columns, each of unit norm."""
    ranked = _RANKED[frequencies[:3]].split()
    taken = ranked[: min(int(frequencies[3:]), channels)]
    chosen = [taken[channel * len(taken) // channels] for channel in range(channels)]
    positions = torch.arange(map_size, dtype=torch.float64) + 0.5
    waves = torch.stack(
        [torch.cos(math.pi / 7 * each * positions) * (2.0 if each else 1.0) ** 0.5 for each in range(7)]
    )
    waves = (waves / map_size**0.5).to(torch.get_default_dtype())
    return waves[[int(pair[0]) for pair in chosen]], waves[[int(pair[1]) for pair in chosen]]
