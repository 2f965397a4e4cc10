"""The declarations of a line of the attachment shelf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from seplace.registry import Entry


@dataclass(frozen=True)
class AttachmentEntry(Entry):
    """An attachment, an object with `attach(block, make)`."""

    takes_gates: bool = True
    """Whether it places a gate; False for an attachment that belongs to one module."""
    like: str | None = None
    """An attachment of seplace that takes the same blocks and whose gates are as wide. Backbones describe both for
    seplace's own attachments; for any other one they follow from this."""

    where: str = ""
    """Where in a block the module stands, for lists."""
    computes: str = ""
    """What the block computes then, for lists: F is its residual branch, S its shortcut, A the module on a map."""

    @classmethod
    def of_import_path(cls, path: str) -> Self:
        """Return the entry of an attachment that takes the blocks, and the widths, of `serial`."""
        return cls(path, like="serial")
