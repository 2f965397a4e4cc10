"""Attachments: how an attention module joins a block.

An entry is a class with `attach(block, make)`: it puts the module A that `make(channels)` builds where the attachment
has it. One file and one line add an entry.
"""

from seplace.attachments.entry import AttachmentEntry
from seplace.registry import Registry

ATTACHMENTS = Registry(
    "attachment",
    AttachmentEntry,
    group="seplace.attachments",
    entries={
        "serial": "seplace.attachments.serial:Serial",
        "parallel": "seplace.attachments.parallel:Parallel",
        "cross": "seplace.attachments.cross:Cross",
        "pre": "seplace.attachments.pre:Pre",
        "post": "seplace.attachments.post:Post",
        "inner": "seplace.attachments.inner:Inner",
        "exit": "seplace.attachments.exit:Exit",
        "kernel": AttachmentEntry("seplace.attachments.kernel:Kernel", takes_gates=False),
    },
)
