"""Attention modules: gates g(u) that broadcast against u of shape (N, C, H, W).

An entry is a class `Gate(channels, *, ratio, min_hidden, init)` (without `ratio` and `min_hidden` where it takes no
ratio) whose forward returns the gate itself, not the gated map. One file and one line add an entry.
"""

from seplace.attention.entry import AttentionEntry
from seplace.registry import Registry

ATTENTION = Registry(
    "attention module",
    AttentionEntry,
    group="seplace.attention",
    entries={
        "none": "seplace.attention.none:NoAttention",
        "native": "seplace.attention.native:NativeSE",
        "se": AttentionEntry(
            "seplace.attention.se:SE",
            takes_ratio=True,
            options={
                "squeeze": ("avg", "max", "pyramid"),
                "excitation": ("sigmoid", "tanh", "relu", "hardsigmoid"),
                "bias": ("no", "yes"),
                "reduced_from": ("map", "input"),
            },
        ),
        "cbam": AttentionEntry(
            "seplace.attention.cbam:CBAM",
            takes_ratio=True,
            options={"order": ("channel_spatial", "spatial_channel", "parallel")},
        ),
        "eca": "seplace.attention.eca:ECA",
        "ge": AttentionEntry("seplace.attention.ge:GE", options={"map_size": ()}),
        "ese": "seplace.attention.ese:ESE",
        "gct": "seplace.attention.gct:GCT",
        "srm": "seplace.attention.srm:SRM",
        "simam": "seplace.attention.simam:SimAM",
        "sge": "seplace.attention.sge:SGE",
        "coord": AttentionEntry("seplace.attention.coord:CoordinateAttention", takes_ratio=True),
        "triplet": "seplace.attention.triplet:TripletAttention",
        "bam": AttentionEntry("seplace.attention.bam:BAM", takes_ratio=True),
        "gc": AttentionEntry("seplace.attention.gc:GC", takes_ratio=True, attachments=("serial",), is_additive=True),
        "sk": AttentionEntry("seplace.attention.sk:SK", takes_ratio=True, attachments=("kernel",)),
    },
)
