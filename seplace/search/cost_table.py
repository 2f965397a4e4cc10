"""The costs of every placement of a search, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from seplace.costs import counted_names
from seplace.costs.stored import add_missing_sum, claim_cost_file, read_cost_table, store_cost_table
from seplace.errors import InputError
from seplace.placement import Placement

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.costs.table import CostTable
    from seplace.evaluators.evaluator import Evaluator
    from seplace.results.ledger import Ledger
    from seplace.samplers.task import Task

_MEASURED = "latency_ms"


class TimesPlacements(Protocol):
    """Measures latencies: an evaluator, or what lets one do so on another machine."""

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return measured latencies; see `Evaluator.latencies`."""


class PlacementCosts:
    """Costs of placements: counted ones by addition; measured ones (latency) once, then from the ledger."""

    def __init__(self, task: Task, *, ledger: Ledger, evaluator: TimesPlacements | None) -> None:
        """Take the task whose costs are needed; without an evaluator nothing can be measured."""
        self.table = task.cost_table
        self.limits = task.limits
        self.ledger = ledger
        self.evaluator = evaluator
        needed = dict.fromkeys([task.cost, *task.limits])
        self.measured = [name for name in needed if name not in self.table.names]
        """The costs that the task needs and that are measured."""
        self.latencies: dict[str, dict[str, Any]] = ledger.fact("latencies") or {}

    def of(self, placement: Placement) -> dict[str, float]:
        """Return the costs of a placement by name: counted ones, measured ones that the task needs, latency if known.

        Raises InputError where the evaluator does not measure what the task needs.
        """
        costs: dict[str, float] = dict(self.table.costs_of(placement))
        if self.measured and str(placement) not in self.latencies:
            self.measure_latencies([placement])
        if str(placement) in self.latencies:
            known = self.latencies[str(placement)]
            costs |= {name: float(known[name]) for name in dict.fromkeys([*self.measured, _MEASURED]) if name in known}
        if lacking := [name for name in self.measured if name not in costs]:
            raise InputError(f"{placement}: the study's evaluator does not measure {', '.join(lacking)}")
        return costs

    def excess(self, placement: Placement) -> dict[str, float]:
        """Return the relative excess of a placement over each limit, by the name of the cost; at most 0 within it."""
        if not self.limits:
            return {}
        costs = self.of(placement)
        return {name: costs[name] / limit - 1 for name, limit in self.limits.items()}

    def within_limits(self, placement: Placement) -> bool:
        """Return whether a placement keeps every limit."""
        return all(excess <= 0 for excess in self.excess(placement).values())

    def measure_latencies(self, placements: Sequence[Placement]) -> None:
        """Let the evaluator time the placements that are not timed yet, as far as it can."""
        missing = [placement for placement in placements if str(placement) not in self.latencies]
        if not missing:
            return
        assert self.evaluator is not None
        self.latencies |= self.evaluator.latencies(missing)
        self.ledger.set_fact("latencies", self.latencies)

    def range_of(self, name: str) -> tuple[int, int] | None:
        """Return the least and greatest of a cost over the space and the baselines; None unless it is counted."""
        if name not in self.table.names:
            return None
        return self.table.span(None, name)


def kept_cost_table(
    folder: Path, evaluator: Evaluator, *, key: Mapping[str, object], names: Sequence[str]
) -> CostTable:
    """Return the cost table in a results folder, or else the evaluator's, which is then kept there.

    A kept table is valid if its key equals `key` and it has the counted costs among `names`.
    """
    path = claim_cost_file(folder)
    table = read_cost_table(path, key=key)
    needed = set(counted_names(names)) & set(names)
    if table is None or not needed <= set(table.names):
        table = evaluator.cost_table()
        store_cost_table(path, table, key=key)
    add_missing_sum(path)
    return table
