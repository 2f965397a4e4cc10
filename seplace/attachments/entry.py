"""The declarations of a line of the attachment shelf."""

from __future__ import annotations

from dataclasses import dataclass

from seplace.registry import Entry


@dataclass(frozen=True)
class AttachmentEntry(Entry):
    """An attachment, an object with `attach(block, make)`."""

    takes_gates: bool = True
    """Whether it places a gate; False for an attachment that belongs to one module."""
