"""Global context (Cao et al., 2019, arXiv:1904.11492): one vector a map, which is added to the map."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from seplace.attention.gate import FullPrecisionGate, hidden_units


@fx.wrap
def bounded(hidden: Tensor, largest: float) -> Tensor:
    """Clamp values to a magnitude, or to that of fp16 where it is less; in a traced graph, a call."""
    largest = min(largest, 65504.0) if hidden.dtype == torch.float16 else largest
    return hidden.clamp(-largest, largest)


class GC(FullPrecisionGate):
    """a(u) = W2 φ(LN(W1 Σ_j α_j u_j + b1)) + b2 with α = softmax over positions j of w·u_j + b; u + a(u) is the map.

    2Ch + 2C + 3h + 1 parameters, 2C·H·W + 2Ch MACs. The last layer starts at zero, so with either init u + a(u) = u.
    There are at least two hidden units, since the layer norm of a single value is a constant.
    """

    is_additive = True

    def __init__(self, channels: int, *, ratio: int, min_hidden: int = 1, init: str = "paper") -> None:
        super().__init__()
        hidden = hidden_units(channels, ratio, max(2, min_hidden))
        self.init = init
        self.attend = nn.Conv2d(channels, 1, 1)
        self.reduce = nn.Linear(channels, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(hidden, channels)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def compute(self, u: Tensor) -> Tensor:
        """Return the vector (N, C, 1, 1) that is added to u (N, C, H, W)."""
        pixels = u.to(self.reduce.weight.dtype)
        weights = self.attend(pixels).flatten(2).softmax(2)
        context = pixels.flatten(2) @ weights.transpose(1, 2)
        hidden = bounded(self.reduce(context[:, :, 0]), self.largest_squared)  # beyond it the layer norm is NaN
        added: Tensor = self.expand(self.relu(self.norm(hidden)))
        return added[:, :, None, None].to(u.dtype)
