"""One gate for a whole stage, where BAM has its own: at the exit of the last block."""

from __future__ import annotations

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Exit:
    """A(y) of the output y of a stage."""

    is_once_a_stage = True

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A after `block`, the last of its stage."""
        block.put("output" if block.has_shortcut else "residual", make(block.out_channels))
