"""Bottleneck attention module (Park et al., 2018, arXiv:1807.06514)."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units, refuse_single_value


class ChannelMap(nn.Module):
    """M_c = W2 φ(BN(W1 avgpool(u) + b1)) + b2: 2Ch + C + 3h parameters, 2Ch MACs."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels)

    def forward(self, u: Tensor) -> Tensor:
        """Return (N, C, 1, 1) of u (N, C, H, W)."""
        squeezed = u.mean((2, 3), dtype=self.reduce.weight.dtype)
        scores: Tensor = self.expand(self.relu(self.norm(self.reduce(squeezed))))
        return scores[:, :, None, None]


class SpatialMap(nn.Sequential):
    """M_s: 1x1 to h channels, two 3x3 with dilation 4, 1x1 to one; each has a bias, all but the last BN and φ.

    Ch + 18h² + 12h + 1 parameters, HW(Ch + 18h² + h) MACs; maps (N, C, H, W) to (N, 1, H, W).
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__(
            OrderedDict(
                reduce=nn.Conv2d(channels, hidden, 1),
                norm1=nn.BatchNorm2d(hidden),
                relu1=nn.ReLU(inplace=True),
                dilated1=nn.Conv2d(hidden, hidden, 3, padding=4, dilation=4),
                norm2=nn.BatchNorm2d(hidden),
                relu2=nn.ReLU(inplace=True),
                dilated2=nn.Conv2d(hidden, hidden, 3, padding=4, dilation=4),
                norm3=nn.BatchNorm2d(hidden),
                relu3=nn.ReLU(inplace=True),
                score=nn.Conv2d(hidden, 1, 1),
            )
        )


class BAM(FullPrecisionGate):
    """g(u) = 1 + σ(M_c + M_s): a score of each channel plus a score of each position, with h = C/r hidden units.

    Batch norms follow the hidden layers only: 3Ch + 18h² + C + 15h + 1 parameters, 2Ch + HW(Ch + 18h² + h) MACs.
    With `init="identity"` both last layers are zero and g(u) = 1/2 + σ(M_c + M_s), which is exactly 1 at the start.
    """

    def __init__(self, channels: int, *, ratio: int, min_hidden: int = 1, init: str = "paper") -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, min_hidden)
        self.channel = ChannelMap(channels, hidden)
        self.spatial = SpatialMap(channels, hidden)
        self.least = {"paper": 1.0, "identity": 0.5}[init]
        if init == "identity":
            for parameter in (*self.channel.expand.parameters(), *self.spatial[-1].parameters()):
                nn.init.zeros_(parameter)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        if self.training:
            refuse_single_value(
                u.shape[0], "BAM's batch norm of pooled channels cannot train on one image: use a larger batch"
            )
        scores: Tensor = self.channel(u) + self.spatial(u.to(self.channel.reduce.weight.dtype))
        gate = self.least + scores.sigmoid()
        return gate.to(u.dtype)
