"""The gate on the residual branch ("Standard" in the SE paper, figure 3); the output of a block without a shortcut."""

from __future__ import annotations

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Serial:
    """S + A(F), where A(F) = F ⊙ g(F)."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        block.put("residual", make(block.residual_channels))
