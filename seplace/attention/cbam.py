"""Convolutional block attention module (Woo et al., 2018, arXiv:1807.06521), with the choices of its ablations.

Maxima are taken with `max`, whose gradient goes to one element. `amax` divides its gradient among all elements that
equal the maximum; in a compiled network in bf16 there may be no equal element, and the gradient becomes 0/0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, full_dtype, hidden_units, refuse_single_value, squashing
from seplace.attention.se import AverageSqueeze, MaximumSqueeze


class NormSqueeze(nn.Module):
    """The Euclidean norm of each channel, √(Σ u²): the authors' pool `lp`, with p = 2."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = FullPrecisionGate.largest_squared

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, C) of u (N, C, H, W)."""
        pixels = u.to(full_dtype(u)).flatten(2).clamp(-self.largest, self.largest)
        norm: Tensor = torch.linalg.vector_norm(pixels, dim=2)
        return norm.to(dtype)


class LogSumExpSqueeze(nn.Module):
    """The log-sum-exp of each channel, log Σ exp(u): the authors' pool `lse`."""

    def forward(self, u: Tensor, dtype: torch.dtype) -> Tensor:
        """Return (N, C) of u (N, C, H, W)."""
        return u.to(dtype).flatten(2).logsumexp(2)


_POOLS: dict[str, type[nn.Module]] = {
    "avg": AverageSqueeze,
    "max": MaximumSqueeze,
    "lp": NormSqueeze,
    "lse": LogSumExpSqueeze,
}


class Pools(nn.ModuleList):
    """Some of the pools, named as in `avg_max`."""

    def __init__(self, names: str) -> None:
        super().__init__([_POOLS[name]() for name in names.split("_")])

    def forward(self, u: Tensor, dtype: torch.dtype) -> list[Tensor]:
        """Return (N, C) of u (N, C, H, W) for each pool."""
        pooled = []
        for pool in self:
            pooled.append(pool(u, dtype))
        return pooled


class ChannelGate(nn.Module):
    """σ(MLP(avgpool(u)) + MLP(maxpool(u))) with one shared MLP with biases: 2Ch + C + h parameters, 2Ch MACs a pool."""

    def __init__(self, channels: int, hidden: int, *, init: str, pools: str) -> None:
        super().__init__()
        self.pools = Pools(pools)
        self.reduce = nn.Linear(channels, hidden)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.expand.weight)
            nn.init.zeros_(self.expand.bias)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        pooled = self.pools(u, self.reduce.weight.dtype)
        scores = self.expand(self.relu(self.reduce(pooled[0])))
        for each in pooled[1:]:
            scores = scores + self.expand(self.relu(self.reduce(each)))
        gate: Tensor = self.squash(scores)
        return gate[:, :, None, None]


class SpatialGate(nn.Module):
    """σ(BN(conv7x7([max over channels; mean over channels]))): 98 + 2 parameters, 98·H·W MACs.

    Another odd kernel k has 2k² weights: 2k² + 2 parameters, 2k²·H·W MACs.
    """

    def __init__(self, *, init: str, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
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


class CBAM(FullPrecisionGate):
    """g(u) = M_c ⊙ M_s: the channel gate of u times the spatial gate of v = u ⊙ M_c.

    2Ch + C + h + 100 parameters, 4Ch + 98·H·W MACs in every order. `spatial_channel` takes the spatial gate of u and
    the channel gate of u ⊙ M_s. `parallel` takes both gates of u; the paper does not define this order. The channel
    gate adds the scores of its `pools`, the average and the maximum unless others are given: 2Ch MACs each. The
    spatial gate has an odd `kernel` k: 2k² + 2 parameters, 2k²·H·W MACs. With `spatial=no` g(u) = M_c.
    """

    def __init__(
        self,
        channels: int,
        *,
        ratio: int,
        min_hidden: int = 1,
        init: str = "paper",
        order: str = "channel_spatial",
        pools: str = "avg_max",
        spatial: str = "yes",
        kernel: int = 7,
    ) -> None:
        super().__init__()
        has_spatial = {"yes": True, "no": False}[spatial]
        self.order = order
        self.channel = ChannelGate(channels, hidden_units(channels, ratio, min_hidden), init=init, pools=pools)
        self.spatial = SpatialGate(init=init, kernel=kernel) if has_spatial else None

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W), without a spatial gate (N, C, 1, 1)."""
        if self.spatial is None:
            gate: Tensor = self.channel(u).to(u.dtype)
        elif self.order == "spatial_channel":
            spatial = self.spatial(u).to(u.dtype)
            gate = self.channel(u * spatial).to(u.dtype) * spatial
        else:
            channel = self.channel(u).to(u.dtype)
            gate = channel * self.spatial(u if self.order == "parallel" else u * channel).to(u.dtype)
        return gate
