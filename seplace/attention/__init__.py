"""Attention modules: gates g(u) that broadcast against u of shape (N, C, H, W).

A member is a class `Gate(channels, *, ratio, min_hidden, init)` (without `ratio` and `min_hidden` where it takes no
ratio) whose forward returns the gate itself, not the gated map. One file and one line add a member.
"""

from seplace.registry import Member, Registry

ATTENTION = Registry(
    "attention module",
    {
        "none": "seplace.attention.none:NoAttention",
        "se": Member("seplace.attention.se:SE", takes_ratio=True),
        "cbam": Member("seplace.attention.cbam:CBAM", takes_ratio=True),
        "eca": "seplace.attention.eca:ECA",
    },
)
