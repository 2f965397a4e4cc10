"""A finished proposal, as an Optuna study holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seplace.placement import Placement

CONSTRAINT = "constraints:"
"""What the names of Optuna's system attributes for constraints begin with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedTrial:
    """The result of a proposal, or one that was known before the first proposal."""

    placement: Placement
    values: tuple[float, ...] | None
    """The score (in Optuna's file the value) and the cost; None where a failure says nothing about the placement."""
    attributes: Mapping[str, Any]
    """The user attributes of the trial."""
    system_attributes: Mapping[str, Any]
    """What Optuna keeps of the trial: constraints, and the state of its sampler."""
    started: datetime
    """In UTC."""
    ended: datetime
    is_pruned: bool = False
    """Whether the training was stopped at a rung."""
    curve: Mapping[int, float] = field(default_factory=dict)
    """The intermediate values by epoch: only a study with one objective may have them."""

    @property
    def has_failed(self) -> bool:
        """Whether a constraint is violated."""
        return any(value > 0 for name, value in self.system_attributes.items() if name.startswith(CONSTRAINT))
