"""The gate inside the residual branch (SE_3x3 in table 15 of the SE paper, and where MobileNetV3 has its own)."""

from __future__ import annotations

from seplace.attachments.block import BlockWithSlots, MakeAttention


class Inner:
    """The gate follows the 3x3 convolution of F, with its norm and non-linearity."""

    @staticmethod
    def attach(block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        block.put("inner", make(block.inner_channels))
