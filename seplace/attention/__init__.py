"""Attention modules: gates g(u) that broadcast against u of shape (N, C, H, W).

An entry is a class `Gate(channels, *, ratio, min_hidden, init)` (without `ratio` and `min_hidden` where it takes no
ratio) whose forward returns the gate itself, not the gated map. One file and one line add an entry.
"""

from seplace.registry import Entry, Registry

ATTENTION = Registry(
    "attention module",
    {
        "none": "seplace.attention.none:NoAttention",
        "native": "seplace.attention.native:NativeSE",
        "se": Entry(
            "seplace.attention.se:SE",
            takes_ratio=True,
            options={
                "squeeze": ("avg", "max", "pyramid"),
                "excitation": ("sigmoid", "tanh", "relu", "hardsigmoid"),
                "bias": ("no", "yes"),
                "reduced_from": ("map", "input"),
            },
        ),
        "cbam": Entry(
            "seplace.attention.cbam:CBAM",
            takes_ratio=True,
            options={"order": ("channel_spatial", "spatial_channel", "parallel")},
        ),
        "eca": "seplace.attention.eca:ECA",
        "ge": Entry("seplace.attention.ge:GE", options={"map_size": ()}),
        "ese": "seplace.attention.ese:ESE",
        "gct": "seplace.attention.gct:GCT",
        "srm": "seplace.attention.srm:SRM",
        "simam": "seplace.attention.simam:SimAM",
        "sge": "seplace.attention.sge:SGE",
        "coord": Entry("seplace.attention.coord:CoordinateAttention", takes_ratio=True),
        "triplet": "seplace.attention.triplet:TripletAttention",
        "bam": Entry("seplace.attention.bam:BAM", takes_ratio=True),
        "gc": Entry("seplace.attention.gc:GC", takes_ratio=True, attachments=("serial",), is_additive=True),
        "sk": Entry("seplace.attention.sk:SK", takes_ratio=True, attachments=("kernel",)),
    },
)
