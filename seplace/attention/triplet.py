"""Triplet attention (Misra et al., 2021, arXiv:2010.03045)."""

from __future__ import annotations

from torch import Tensor

from seplace.attention.cbam import SpatialGate
from seplace.attention.gate import FullPrecisionGate, refuse_single_value


class TripletAttention(FullPrecisionGate):
    """g(u) = (g_hw + g_cw + g_ch) / 3: the mean of three of CBAM's spatial gates.

    Each gate is σ(BN(conv7x7([max; mean]))), with maximum and mean over C, over H and over W: 3(98 + 2) = 300
    parameters, 98(HW + CW + CH) MACs.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        super().__init__()
        self.channels = channels
        self.over_channels = SpatialGate(init=init)
        self.over_rows = SpatialGate(init=init)
        self.over_columns = SpatialGate(init=init)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        images, channels, height, width = u.shape
        if self.training:
            for positions in (height * width, channels * width, channels * height):
                refuse_single_value(
                    images * positions,
                    "TripletAttention's batch norms cannot train on a single value, such as that of one image with a "
                    "1x1 map: use a larger batch or image",
                )
        gate: Tensor = self.over_channels(u)
        gate = gate + self.over_rows(u.transpose(1, 2)).transpose(1, 2)
        gate = gate + self.over_columns(u.transpose(1, 3)).transpose(1, 3)
        return (gate / 3).to(u.dtype)
