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
                "squeeze": ("avg", "max", "pyramid", "none"),
                "excitation": ("sigmoid", "tanh", "relu", "hardsigmoid"),
                "bias": ("no", "yes"),
                "activation": ("relu", "hardswish", "silu"),
                "reduced_from": ("map", "input"),
            },
        ),
        "cbam": AttentionEntry(
            "seplace.attention.cbam:CBAM",
            takes_ratio=True,
            options={
                "order": ("channel_spatial", "spatial_channel", "parallel"),
                "pools": (
                    *("avg_max", "avg", "max", "lp", "lse", "avg_lp", "avg_lse", "max_lp", "max_lse", "lp_lse"),
                    *("avg_max_lp", "avg_max_lse", "avg_lp_lse", "max_lp_lse", "avg_max_lp_lse"),
                ),
                "spatial": ("yes", "no"),
                "kernel": ("7", "3", "5", "9", "11"),
            },
            idle={"spatial=no": ("order", "kernel")},
        ),
        "eca": AttentionEntry(
            "seplace.attention.eca:ECA", options={"kernel": ("adaptive", "1", "3", "5", "7", "9", "11", "13", "15")}
        ),
        "ge": AttentionEntry("seplace.attention.ge:GE", options={"map_size": ()}),
        "ese": "seplace.attention.ese:ESE",
        "gct": "seplace.attention.gct:GCT",
        "srm": "seplace.attention.srm:SRM",
        "simam": "seplace.attention.simam:SimAM",
        "sge": "seplace.attention.sge:SGE",
        "sa": "seplace.attention.sa:ShuffleAttention",
        "fca": AttentionEntry(
            "seplace.attention.fca:FCA",
            takes_ratio=True,
            options={
                "frequencies": (
                    *(
                        "top16",
                        "top1",
                        "top2",
                        "top4",
                        "top8",
                        "top32",
                        "low1",
                        "low2",
                        "low4",
                        "low8",
                        "low16",
                        "low32",
                    ),
                    *("bot1", "bot2", "bot4", "bot8", "bot16", "bot32"),
                ),
                "map_size": ("7", "14", "28", "56"),
            },
        ),
        "coord": AttentionEntry("seplace.attention.coord:CoordinateAttention", takes_ratio=True),
        "triplet": "seplace.attention.triplet:TripletAttention",
        "bam": AttentionEntry("seplace.attention.bam:BAM", takes_ratio=True),
        "gc": AttentionEntry("seplace.attention.gc:GC", takes_ratio=True, attachments=("serial",), is_additive=True),
        "sk": AttentionEntry("seplace.attention.sk:SK", takes_ratio=True, attachments=("kernel",)),
    },
)
