"""Attachments that put the module into one slot of a block, as wide as the map that it sees there."""

from __future__ import annotations

from typing import NamedTuple

from seplace.attachments.block import BlockWithSlots, MakeAttention


class SlotAttachment(NamedTuple):
    """A slot, and the width of the map in it."""

    slot: str
    """`entry`, `inner`, `residual` or `output`; see `BlockWithSlots.put`."""
    width: str
    """The attribute of the block that holds the channels of the map."""
    slot_without_shortcut: str | None = None
    """The slot of a block without a shortcut, where it has another name."""
    is_once_a_stage: bool = False
    """Whether only the last block of a stage takes it."""

    def attach(self, block: BlockWithSlots, make: MakeAttention) -> None:
        """Put A into `block`."""
        without = self.slot_without_shortcut
        block.put(self.slot if without is None or block.has_shortcut else without, make(getattr(block, self.width)))


# S + A(F): "Standard" in the SE paper (arXiv:1709.01507, figure 3); A(F) in a block without a shortcut.
SERIAL = SlotAttachment("residual", "residual_channels")

# S + F(A(x)): "PRE" in the SE paper, section 6.5.
PRE = SlotAttachment("entry", "in_channels")

# A(φ(S + F)): "POST" in the SE paper, section 6.5.
POST = SlotAttachment("output", "out_channels")

# After the 3x3 convolution of F, its norm and its non-linearity: SE_3x3 in the SE paper, table 15, and MobileNetV3's.
INNER = SlotAttachment("inner", "inner_channels")

# A(y) of the output y of a stage: where BAM (arXiv:1807.06514) has its module.
EXIT = SlotAttachment("output", "out_channels", slot_without_shortcut="residual", is_once_a_stage=True)
