"""The gate on the shortcut, in parallel to the residual unit ("Identity" in the SE paper, section 6.5)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from seplace.attachments.block import Block


class Parallel(nn.Module):
    """S ⊙ g(S) + F: the shortcut, after its projection, is scaled by its own gate."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        gate: Tensor = self.gate(shortcut)
        return shortcut * gate + residual

    @classmethod
    def attach(cls, block: Block, make_gate: Callable[[int], nn.Module]) -> None:
        """Close `block` with this join."""
        block.join = cls(make_gate(block.out_channels))
