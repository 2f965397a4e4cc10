"""Costs: what a network takes, each with its unit and definition. One file and one line add a member.

A member is a `Cost`. FLOPs and MACs are of one image; one multiply-add is one FLOP.
"""

from seplace.registry import Registry

COSTS = Registry(
    "cost",
    {
        "flops": "seplace.costs.flops:FLOPS",
        "macs": "seplace.costs.macs:MACS",
        "params": "seplace.costs.params:PARAMS",
        "latency_ms": "seplace.costs.latency:LATENCY_MS",
    },
)
