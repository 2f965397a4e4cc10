"""The gate on the shortcut, in parallel to F ("Identity" in the SE paper, arXiv:1709.01507, section 6.5)."""

from __future__ import annotations

from torch import Tensor, nn

from seplace.attachments.block import BlockWithSlots, MakeAttention


class WithAttention(nn.Module):
    """u + A(u), for a block without a shortcut."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, u: Tensor) -> Tensor:
        """Add to a map of shape (N, C, H, W)."""
        attended: Tensor = self.attention(u)
        return u + attended


class Parallel:
    """A(S) + F, after the projection of S; u + A(u) of the output u of a block without a shortcut."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        attention = make(block.out_channels)
        if block.has_shortcut:
            block.put("shortcut", attention)
        else:
            block.put("residual", WithAttention(attention))
