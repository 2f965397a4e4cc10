"""How an attention module changes the map that it sees: u becomes A(u)."""

from __future__ import annotations

from torch import Tensor, nn


class Scaled(nn.Module):
    """A(u) = u ⊙ g(u)."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, u: Tensor) -> Tensor:
        """Scale a map of shape (N, C, H, W)."""
        gate: Tensor = self.gate(u)
        return u * gate


class Added(nn.Module):
    """A(u) = u + g(u), for modules that are not gates."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, u: Tensor) -> Tensor:
        """Add to a map of shape (N, C, H, W)."""
        term: Tensor = self.gate(u)
        return u + term
