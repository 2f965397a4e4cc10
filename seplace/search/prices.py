"""What every placement of a study costs, before anything is trained."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.costs import COSTS
from seplace.costs.table import PriceTable
from seplace.errors import InputError
from seplace.files import write_atomically
from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone
    from seplace.config import StudyConfig
    from seplace.evaluators.stand_alone import StandAlone
    from seplace.ledger import Ledger

_MEASURED = "latency_ms"

_TIMED_TOGETHER = 16
"""So many networks are held in memory to be timed in turns."""


class Prices:
    """Counted costs by addition; measured ones (latency) once a placement, kept in the ledger."""

    def __init__(self, config: StudyConfig, table: PriceTable, *, ledger: Ledger, evaluator: StandAlone | None) -> None:
        """Take the counted prices; without an evaluator nothing can be timed."""
        self.table = table
        self.config = config
        self.ledger = ledger
        self.evaluator = evaluator
        wanted = {config.objective.cost, *config.objective.limits}
        self.needs_latency = _MEASURED in wanted
        self.latencies: dict[str, dict[str, Any]] = ledger.fact("latencies") or {}

    def of(self, placement: Placement) -> dict[str, float]:
        """Return the costs of a placement by name; latency only where the study asks for it or it is known."""
        costs: dict[str, float] = dict(self.table.price(placement))
        if self.needs_latency and str(placement) not in self.latencies:
            self.measure_latencies([placement])
        if str(placement) in self.latencies:
            costs[_MEASURED] = float(self.latencies[str(placement)][_MEASURED])
        return costs

    def excess(self, placement: Placement) -> dict[str, float]:
        """Return by how much a placement exceeds each hard budget, as a share of it; negative where it keeps it."""
        limits = self.config.objective.limits
        if not limits:
            return {}
        costs = self.of(placement)
        return {name: costs[name] / limit - 1 for name, limit in limits.items()}

    def within_limits(self, placement: Placement) -> bool:
        """Return whether a placement keeps every hard budget."""
        return all(excess <= 0 for excess in self.excess(placement).values())

    def measure_latencies(self, placements: Sequence[Placement]) -> None:
        """Time placements that are not timed yet, one image a pass, interleaved with the plain backbone."""
        missing = [placement for placement in placements if str(placement) not in self.latencies]
        if not missing:
            return
        assert self.evaluator is not None
        from seplace.costs.latency import measure_latencies
        from seplace.evaluators.stand_alone import device_name

        plain = Placement.uniform(StageChoice(), len(missing[0]))
        for start in range(0, len(missing), _TIMED_TOGETHER):
            some = missing[start : start + _TIMED_TOGETHER]
            networks = [self.evaluator.untrained(placement) for placement in (plain, *some)]
            measured = measure_latencies(networks, self.evaluator.example)
            for placement, latency in zip(some, measured[1:], strict=True):
                self.latencies[str(placement)] = {
                    _MEASURED: latency.median_ms,
                    "latency_ms_lower": latency.lower_ms,
                    "latency_ms_upper": latency.upper_ms,
                    "extra_latency_ms": latency.median_ms - measured[0].median_ms,
                    "repeats": latency.repeats,
                    "batch": len(self.evaluator.example),
                    "precision": "fp32",
                    "device": device_name(self.evaluator.device),
                }
        self.ledger.set_fact("latencies", self.latencies)

    def range_of(self, name: str) -> tuple[int, int] | None:
        """Return the span of a cost over the space and the yardsticks; None for a cost that is not counted."""
        if name not in self.table.names:
            return None
        return self.table.span(None, name)

    def check_limits(self) -> None:
        """Refuse a hard budget that no placement of the space keeps; the error names what is attainable."""
        for name, limit in self.config.objective.limits.items():
            if name not in self.table.names:
                continue
            cheapest, dearest = self.table.span(self.config.search_space.choices, name)
            if limit < cheapest:
                raise InputError(
                    f"{self.config.path}: objective.limits.{name}: no placement of {self.config.search_space.name} is "
                    f"so cheap (got {limit:,.0f}; the space spans {cheapest:,} to {dearest:,} {COSTS[name].unit})"
                )


def count_prices(config: StudyConfig, evaluator: StandAlone) -> PriceTable:
    """Count every choice of the space and of the yardsticks."""
    from seplace.models import insert

    space = config.search_space
    marks = space.yardsticks.values()
    names = [name for name in COSTS if COSTS[name].is_count]
    inserted = functools.partial(insert, gate=space.gate)

    def count(variant: str, backbone: Backbone) -> PriceTable:
        choices = [
            list(dict.fromkeys([*listed, *(mark.choices[unit] for mark in marks if mark.variant == variant)]))
            for unit, listed in enumerate(space.choices)
        ]
        plain = evaluator.build(Placement.uniform(StageChoice(), len(backbone.units), variant=variant), seed=0)
        return PriceTable.count(plain, backbone.units, inserted, evaluator.example.cpu(), choices, names=names)

    tables = {variant: count(variant, backbone) for variant, backbone in space.backbones.items()}
    return replace(tables.pop(""), variants=tables)


def store_prices(path: Path, table: PriceTable, *, key: Mapping[str, object]) -> None:
    """Write a table with what it was counted for."""
    write_atomically(path, json.dumps({"key": dict(key), "table": json.loads(table.to_json())}, indent=1) + "\n")


def read_prices(path: Path, *, key: Mapping[str, object]) -> PriceTable | None:
    """Read a table back if it is there and was counted for the same thing; needs no torch."""
    try:
        content = json.loads(path.read_text())
        return PriceTable.from_json(json.dumps(content["table"])) if content["key"] == dict(key) else None
    except (OSError, ValueError, KeyError):
        return None


def price_key(config: StudyConfig) -> dict[str, object]:
    """Return what a study's prices depend on."""
    return {
        "space": config.search_space.fingerprint(),
        "data": config.data.name,
        "image_size": config.data.image_size,
    }
