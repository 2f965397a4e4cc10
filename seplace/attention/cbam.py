"""Convolutional block attention module (Woo et al., 2018, arXiv:1807.06521), in the orders of its ablation.

Maxima are taken with `max`, whose gradient goes to one element. `amax` divides its gradient among all elements that
equal the maximum; in a compiled network in bf16 there may be no equal element, and the gradient becomes 0/0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import Gate, hidden_units, refuse_single_value, squashing


class ChannelGate(nn.Module):
    """σ(MLP(avgpool(u)) + MLP(maxpool(u))) with one shared MLP with biases: 2Ch + C + h parameters, 4Ch MACs."""

    def __init__(self, channels: int, hidden: int, *, init: str) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, hidden)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.expand.weight)
            nn.init.zeros_(self.expand.bias)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        average = self.expand(self.relu(self.reduce(u.mean((2, 3), dtype=self.reduce.weight.dtype))))
        maximum = self.expand(self.relu(self.reduce(u.flatten(2).max(2).values.to(self.reduce.weight.dtype))))
        gate: Tensor = self.squash(average + maximum)
        return gate[:, :, None, None]


class SpatialGate(nn.Module):
    """σ(BN(conv7x7([max over channels; mean over channels]))): 98 + 2 parameters, 98·H·W MACs."""

    def __init__(self, *, init: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.norm.weight)

    def forward(self, v: Tensor) -> Tensor:
        """Return the gate (N, 1, H, W) of v (N, C, H, W)."""
        if self.training:
            refuse_single_value(
                v.shape[0] * v.shape[2] * v.shape[3],
                "CBAM's batch norm cannot train on one image with a 1x1 map: use a larger batch or image",
            )
        dtype = self.conv.weight.dtype
        pooled = torch.cat([v.max(1, keepdim=True).values.to(dtype), v.mean(1, keepdim=True, dtype=dtype)], dim=1)
        gate: Tensor = self.squash(self.norm(self.conv(pooled)))
        return gate


class CBAM(Gate):
    """g(u) = M_c ⊙ M_s: the channel gate of u times the spatial gate of v = u ⊙ M_c.

    2Ch + C + h + 100 parameters, 4Ch + 98·H·W MACs in every order. `spatial_channel` takes the spatial gate of u and
    the channel gate of u ⊙ M_s. `parallel` takes both gates of u; the paper does not define this order.
    """

    def __init__(
        self,
        channels: int,
        *,
        ratio: int,
        min_hidden: int = 1,
        init: str = "paper",
        order: str = "channel_spatial",
    ) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, hidden_units(channels, ratio, min_hidden), init=init)
        self.spatial = SpatialGate(init=init)
        self.order = order

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        if self.order == "spatial_channel":
            spatial = self.spatial(u).to(u.dtype)
            channel = self.channel(u * spatial).to(u.dtype)
        else:
            channel = self.channel(u).to(u.dtype)
            spatial = self.spatial(u if self.order == "parallel" else u * channel).to(u.dtype)
        gate: Tensor = channel * spatial
        return gate
