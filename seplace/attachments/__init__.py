"""Attachments: how an attention module joins a block.

An entry has `attach(block, make)`, which puts the module A that `make(channels)` builds into a block. Attachments that
differ by a slot and a width are rows of `slots.py`; others have a file each. One file and one line add an
entry; `like` in its line says which blocks take it, and how wide its gates are.
"""

from seplace.attachments.entry import AttachmentEntry
from seplace.registry import Registry

ATTACHMENTS = Registry(
    "attachment",
    AttachmentEntry,
    group="seplace.attachments",
    entries={
        "serial": "seplace.attachments.slots:SERIAL",
        "parallel": "seplace.attachments.parallel:Parallel",
        "cross": "seplace.attachments.cross:Cross",
        "pre": "seplace.attachments.slots:PRE",
        "post": "seplace.attachments.slots:POST",
        "inner": "seplace.attachments.slots:INNER",
        "exit": "seplace.attachments.slots:EXIT",
        "kernel": AttachmentEntry("seplace.attachments.kernel:Kernel", takes_gates=False),
    },
)
