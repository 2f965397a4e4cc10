"""Attention modules: gates g(u) that broadcast against u of shape (N, C, H, W).

A member is a class `Gate(channels, *, ratio, min_hidden, init)` (without `ratio` and `min_hidden` where it takes no
ratio) whose forward returns the gate itself, not the gated map. One file and one line add a member.
"""

from seplace.registry import Member, Registry

ATTENTION = Registry(
    "attention module",
    {
        "none": "seplace.attention.none:NoAttention",
        "paper": "seplace.attention.native:PaperSE",
        "se": Member(
            "seplace.attention.se:SE",
            takes_ratio=True,
            options={
                "squeeze": ("avg", "max", "pyramid"),
                "excitation": ("sigmoid", "tanh", "relu", "hardsigmoid"),
                "bias": ("no", "yes"),
                "reduced_from": ("map", "input"),
            },
        ),
        "cbam": Member(
            "seplace.attention.cbam:CBAM",
            takes_ratio=True,
            options={"order": ("channel_spatial", "spatial_channel", "parallel")},
        ),
        "eca": "seplace.attention.eca:ECA",
        "ge": Member("seplace.attention.ge:GE", options={"map_size": ()}),
        "ese": "seplace.attention.ese:ESE",
        "gct": "seplace.attention.gct:GCT",
        "srm": "seplace.attention.srm:SRM",
        "simam": "seplace.attention.simam:SimAM",
        "sge": "seplace.attention.sge:SGE",
        "coord": Member("seplace.attention.coord:CoordinateAttention", takes_ratio=True),
        "triplet": "seplace.attention.triplet:TripletAttention",
        "bam": Member("seplace.attention.bam:BAM", takes_ratio=True),
        "gc": Member("seplace.attention.gc:GC", takes_ratio=True, attachments=("serial",), is_additive=True),
        "sk": Member("seplace.attention.sk:SK", takes_ratio=True, attachments=("kernel",)),
    },
)
