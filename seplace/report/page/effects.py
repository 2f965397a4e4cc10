"""The effects of choices as the page shows them: a heat map stage by choice, and intervals beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.interval import Interval

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.95
_HEADINGS = {"choice": "choices", "module": "modules", "ratio": "ratios", "attachment": "attachments"}
_CLEAREST = 24
"""The intervals that stand beside the heat map."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The effect of a choice in points, over no attention in its stage."""

    stage: int
    """From 1; 0 for the mean over stages."""
    name: str
    effect: Interval
    p_positive: float
    trainings: int | None
    """Complete trainings with the choice."""
    extra: float | None
    """The extra cost on the study's axis."""

    @property
    def is_sure(self) -> bool:
        """Whether its sign is known with 95 % probability."""
        return max(self.p_positive, 1 - self.p_positive) >= _SURE


@dataclass(frozen=True, kw_only=True)
class Heat:
    """The heat map of one kind: a row a name, a column a stage."""

    kind: str
    heading: str
    stages: tuple[int, ...]
    """Stage 0 is the mean over all of them."""
    rows: tuple[tuple[str, tuple[Effect | None, ...]], ...]
    largest: float
    """The bound that is farthest from 0: an effect of its size would have the full color."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of a study."""

    heats: tuple[Heat, ...]
    clearest: tuple[Effect, ...]
    """Choices whose intervals are farthest from 0, in the order of their effects."""
    others: tuple[Effect, ...]
    """The other choices, by stage."""
    backbones: tuple[Effect, ...]
    pairs: tuple[Effect, ...]
    """Interactions that are known at 95 %."""
    low: float
    """The ends of the axis of the intervals."""
    high: float

    @property
    def is_empty(self) -> bool:
        """Whether no effect is known."""
        return not self.heats


def effects_of(table: pd.DataFrame, *, cost: str) -> Effects:
    """Return the effects of a study from its table, which is empty before any training is complete."""
    rows = [(row["kind"], _effect(row, cost)) for row in table.to_dict("records")] if len(table) else []
    by_kind = {kind: [effect for of, effect in rows if of == kind] for kind in dict.fromkeys(kind for kind, _ in rows)}
    choices = by_kind.get("choice", [])
    ranked = sorted(choices, key=_clarity, reverse=True)[:_CLEAREST]
    shown = sorted(ranked, key=lambda each: -each.effect.value)
    chosen = {(each.stage, each.name) for each in ranked}
    ends = [end for each in choices for end in (each.effect.lower, each.effect.upper)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.03 * (high - low) or 1.0
    return Effects(
        heats=tuple(_heat(kind, by_kind[kind]) for kind in _HEADINGS if kind in by_kind),
        clearest=tuple(shown),
        others=tuple(each for each in choices if (each.stage, each.name) not in chosen),
        backbones=tuple(by_kind.get("backbone", ())),
        pairs=tuple(by_kind.get("pair", ())),
        low=low - margin,
        high=high + margin,
    )


def _effect(row: Any, cost: str) -> Effect:
    def number(name: str) -> float | None:
        value = row.get(name)
        return None if value is None or math.isnan(value) else float(value)

    trainings = number("trainings")
    return Effect(
        stage=int(row["stage"]),
        name=str(row["name"]),
        effect=Interval.of_row(row, "effect"),
        p_positive=float(row["p_positive"]),
        trainings=None if trainings is None else int(trainings),
        extra=number(f"extra_{cost}"),
    )


def _clarity(effect: Effect) -> float:
    """Return how far an effect is from 0, in half widths of its interval."""
    return abs(effect.effect.value) / ((effect.effect.upper - effect.effect.lower) or 1.0)


def _heat(kind: str, effects: list[Effect]) -> Heat:
    stages = sorted({each.stage for each in effects}, key=lambda stage: (stage == 0, stage))
    names = dict.fromkeys(each.name for each in effects)
    at = {(each.name, each.stage): each for each in effects}
    return Heat(
        kind=kind,
        heading=_HEADINGS[kind],
        stages=tuple(stages),
        rows=tuple((name, tuple(at.get((name, stage)) for stage in stages)) for name in names),
        largest=max(abs(end) for each in effects for end in (each.effect.lower, each.effect.upper)) or 1.0,
    )
