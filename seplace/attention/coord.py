"""Coordinate attention (Hou et al., 2021, arXiv:2103.02907)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units, squashing


class CoordinateAttention(FullPrecisionGate):
    """g(u) = g_h ⊙ g_w: a gate for each row times a gate for each column, with m = max(8, C/r) hidden units.

    Both directions share f = hswish(BN(W1 [mean over W; mean over H] + b1)), of H + W positions. g_h = σ(W_h f + b_h)
    takes the first H positions and g_w = σ(W_w f + b_w) the others. 3Cm + 3m + 2C parameters, 2Cm(H + W) MACs.
    """

    def __init__(self, channels: int, *, ratio: int, min_hidden: int = 1, init: str = "paper") -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, max(8, min_hidden))
        self.reduce = nn.Conv1d(channels, hidden, 1)
        self.norm = nn.BatchNorm1d(hidden)
        self.hardswish = nn.Hardswish(inplace=True)
        self.expand_rows = nn.Conv1d(hidden, channels, 1)
        self.expand_columns = nn.Conv1d(hidden, channels, 1)
        self.squash = squashing(init)
        if init == "identity":
            for parameter in (*self.expand_rows.parameters(), *self.expand_columns.parameters()):
                nn.init.zeros_(parameter)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        height, width = u.shape[2:]
        dtype = self.reduce.weight.dtype
        pooled = torch.cat([u.mean(3, dtype=dtype), u.mean(2, dtype=dtype)], dim=2)
        rows, columns = self.hardswish(self.norm(self.reduce(pooled))).split([height, width], dim=2)
        row_gate: Tensor = self.squash(self.expand_rows(rows))
        column_gate: Tensor = self.squash(self.expand_columns(columns))
        gate = row_gate[:, :, :, None] * column_gate[:, :, None, :]
        return gate.to(u.dtype)
