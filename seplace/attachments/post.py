"""The gate after the block ("POST" in the SE paper, section 6.5)."""

from __future__ import annotations

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Post:
    """A(φ(S + F))."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        block.put("output", make(block.out_channels))
