"""The gate of the shortcut on the residual branch (seplace's own definition)."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Cross(nn.Module):
    """S + F ⊙ g(S): the residual is scaled by the gate of the shortcut after its projection."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        gate: Tensor = self.gate(shortcut)
        return shortcut + residual * gate

    @classmethod
    def attach(cls, block: BlockWithSlots, make: MakeAttention) -> None:
        """Replace the join of `block` by this one."""
        block.join = cls(make(block.out_channels).gate)
