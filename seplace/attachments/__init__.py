"""Attachments: how a gate joins a block.

A member is a class with `attach(block, make_gate)`: it puts the gate that `make_gate(channels)` builds where the
attachment has it. One file and one line add a member.
"""

from seplace.registry import Registry

ATTACHMENTS = Registry(
    "attachment",
    {
        "serial": "seplace.attachments.serial:Serial",
        "parallel": "seplace.attachments.parallel:Parallel",
        "cross": "seplace.attachments.cross:Cross",
        "pre": "seplace.attachments.pre:Pre",
    },
)
