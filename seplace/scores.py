"""What a network reaches on a split of the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a network reaches on a split: accuracy in percent and mean cross-entropy in nats."""

    accuracy: float
    cross_entropy: float
