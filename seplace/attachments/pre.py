"""The gate before the residual branch ("PRE" in the SE paper, section 6.5)."""

from __future__ import annotations

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Pre:
    """S + F(A(x)): the gate is as wide as the input of the block."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        block.put("entry", make(block.in_channels))
