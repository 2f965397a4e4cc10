"""Costs of a network, each with its unit and definition. One file and one line add an entry.

An entry is a `Cost`. FLOPs and MACs are those of one image; one multiply-add is one FLOP.
"""

from collections.abc import Collection

from seplace.costs.cost import Cost
from seplace.errors import InputError
from seplace.registry import Entry, Registry

COSTS = Registry(
    "cost",
    Entry,
    group="seplace.costs",
    entries={
        "flops": "seplace.costs.flops:FLOPS",
        "macs": "seplace.costs.macs:MACS",
        "params": "seplace.costs.params:PARAMS",
        "latency_ms": "seplace.costs.latency:LATENCY_MS",
    },
)


def cost_named(name: str) -> Cost:
    """Return the cost with a name or an import path; raises InputError where the path leads to no Cost."""
    cost = COSTS[name]
    if not isinstance(cost, Cost):
        raise InputError(f"cost {name!r}: is a {type(cost).__name__}, not a seplace.costs.cost.Cost(unit=…, measure=…)")
    return cost


def counted_names(wanted: Collection[str]) -> list[str]:
    """Return the names of the costs that a study counts: those of the shelf, and the user's own that it wants."""
    own = sorted(name for name in wanted if COSTS.is_external(name))
    return [name for name in (*COSTS.built_in, *own) if cost_named(name).is_count]


def measured_names(wanted: Collection[str]) -> list[str]:
    """Return the names of the user's own costs that a study wants and that are measured, not counted."""
    return sorted(name for name in wanted if COSTS.is_external(name) and not cost_named(name).is_count)


def main_count(names: Collection[str]) -> str:
    """Return the name of the count that stands for compute: flops, or the first name where FLOPs are unknown."""
    return "flops" if "flops" in names else next(iter(names))
