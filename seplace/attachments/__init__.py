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
        "serial": AttachmentEntry(
            "seplace.attachments.slots:SERIAL",
            where='on the residual branch ("Standard" in the SE paper, arXiv:1709.01507, figure 3)',
            computes="φ(S + A(F)); A(F) in a block without a shortcut",
        ),
        "parallel": AttachmentEntry(
            "seplace.attachments.parallel:Parallel",
            where='on the shortcut ("Identity" in the SE paper, section 6.5)',
            computes="φ(A(S) + F); u + A(u) of the output u of a block without a shortcut",
        ),
        "cross": AttachmentEntry(
            "seplace.attachments.cross:Cross",
            where="computed from the shortcut, applied to the residual branch (seplace's own)",
            computes="φ(S + F ⊙ g(S))",
        ),
        "pre": AttachmentEntry(
            "seplace.attachments.slots:PRE",
            where='before the residual branch ("PRE" in the SE paper)',
            computes="φ(S + F(A(x)))",
        ),
        "post": AttachmentEntry(
            "seplace.attachments.slots:POST", where='after the block ("POST" in the SE paper)', computes="A(φ(S + F))"
        ),
        "inner": AttachmentEntry(
            "seplace.attachments.slots:INNER",
            where="inside the residual branch (SE_3x3 in the SE paper, table 15; MobileNetV3)",
            computes="F with A after its 3x3 convolution, the norm and the non-linearity",
        ),
        "exit": AttachmentEntry(
            "seplace.attachments.slots:EXIT",
            where="once a stage, after its last block (BAM, arXiv:1807.06514)",
            computes="A(y) of the output y of the stage",
        ),
        "kernel": AttachmentEntry(
            "seplace.attachments.kernel:Kernel",
            takes_gates=False,
            where="beside the block's own 3x3 convolution (selective kernel, arXiv:1903.06586)",
            computes="a ⊙ A(x) + b ⊙ B(x), with A the block's own convolution and B a grouped 3x3 one with dilation 2",
        ),
    },
)
