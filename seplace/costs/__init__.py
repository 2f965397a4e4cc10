"""Costs: what a network takes, each with its unit and definition. One file and one line add an entry.

An entry is a `Cost`. FLOPs and MACs are of one image; one multiply-add is one FLOP.
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
    """Return the cost of a name or an import path; InputError for an object of the user's own that is no Cost."""
    cost = COSTS[name]
    if not isinstance(cost, Cost):
        raise InputError(
            f"cost {name!r}: is a {type(cost).__name__}, and not a seplace.costs.cost.Cost(unit=…, measure=…)"
        )
    return cost


def counted_names(wanted: Collection[str]) -> list[str]:
    """Return the costs that a study counts: those of the shelf, and what it asks for of the user's own."""
    own = sorted(name for name in wanted if COSTS.is_external(name))
    return [name for name in (*COSTS.built_in, *own) if cost_named(name).is_count]


def measured_names(wanted: Collection[str]) -> list[str]:
    """Return the costs of the user's own that a study asks for and that are measured, not counted."""
    return sorted(name for name in wanted if COSTS.is_external(name) and not cost_named(name).is_count)


def main_count(names: Collection[str]) -> str:
    """Return the count that stands for the work of a network: FLOPs, or what was counted where they are unknown."""
    return "flops" if "flops" in names else next(iter(names))
