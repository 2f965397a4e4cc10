"""The gate on the residual branch ("Standard" in the SE paper, figure 3)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from seplace.attachments.block import Block


class Serial(nn.Module):
    """S + F ⊙ g(F): the residual is scaled by its own gate before the addition."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        gate: Tensor = self.gate(residual)
        return shortcut + residual * gate

    @classmethod
    def attach(cls, block: Block, make_gate: Callable[[int], nn.Module]) -> None:
        """Close `block` with this join."""
        block.join = cls(make_gate(block.out_channels))
