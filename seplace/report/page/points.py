"""The points of the page: every placement that was trained, and the recommended ones that were not, as columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.pareto import front
from seplace.placement import StageChoice
from seplace.report.figures.front_view import least_span_of, limits_of
from seplace.stage_strip import module_color

if TYPE_CHECKING:
    import pandas as pd

    from seplace.report.page.reported import Reported

_LABELS = {"flops": "FLOPs", "macs": "MACs", "params": "parameters", "latency_ms": "latency"}
_UNITS = {"flops": "FLOPs", "macs": "MACs", "params": "", "latency_ms": "ms"}
_ESTIMATES = ("{}", "gain", "gain_vs_baseline")
_MEASURED = (
    *("p_front", "p_better", "observed_{}", "observed_{}_se", "observed_gain", "observed_gain_se"),
    *("cross_entropy", "test_{}", "test_{}_se", "test_gain", "test_gain_se"),
)
"""Columns of numbers; {} is the name of the metric."""
_SIX = 6
"""Significant digits of a figure."""

Column = list[Any]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A cost that the front can be drawn against."""

    name: str
    label: str
    unit: str
    plain: float | None
    """The cost of the plain backbone."""
    total: Column
    extra: Column
    """Over the plain backbone; None where it was not measured."""
    front: list[int]
    """The positions of the points that no trained candidate dominates along this axis, cheapest first."""
    is_objective: bool
    """Whether it is the cost that the study searched with."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """The points of the page, trained ones first; a number is None where it is not known."""

    placement: list[str]
    columns: Mapping[str, Column]
    """`n` (seeds, 0 for a placement that was not trained), `baseline`, `best_baseline`, `recommended` (its rank from
    1, 0 for none), estimates with their bounds, and measured figures with their standard errors."""
    axes: tuple[Axis, ...]
    choices: Mapping[str, Mapping[str, Any]]
    """By the text of a choice: `module`, `ratio`, `attachment`, and `color`, which is empty for no attention."""
    limits: Mapping[str, tuple[float, float]]
    """The ends of the y axis for `gain` and the metric, by its name: what is far from the rest may lie beyond."""
    has_gain: bool
    """Whether the plain backbone was trained, so that gains over it are known."""

    @property
    def front(self) -> list[int]:
        """The positions on the study's front, cheapest first."""
        return next((axis.front for axis in self.axes if axis.is_objective), [])

    def position_of(self, placement: str) -> int | None:
        """Return the position of a placement."""
        return self.placement.index(placement) if placement in self.placement else None

    def row(self, position: int) -> dict[str, Any]:
        """Return the figures of a point, with its costs."""
        costs = {axis.name: axis.total[position] for axis in self.axes}
        costs |= {f"extra_{axis.name}": axis.extra[position] for axis in self.axes}
        found = {name: column[position] for name, column in self.columns.items()}
        return {"placement": self.placement[position], **found, **costs}


def points_of(study: Reported) -> Points:
    """Return the points of a study, without any before a training is complete."""
    trained, recommended = study.placements, study.recommended
    names: list[str] = list(trained["placement"]) if len(trained) else []
    known = set(names)
    proposed: list[str] = list(recommended["placement"]) if len(recommended) else []
    others = [at for at, name in enumerate(proposed) if name not in known]
    foreseen = recommended.iloc[others] if others else recommended.iloc[:0]
    rank = {name: at for at, name in enumerate(proposed, start=1)}
    count = len(foreseen)
    columns: dict[str, Column] = {
        "n": [*_numbers(trained, "n"), *[0] * count],
        "baseline": [*(trained["baseline"] if len(trained) else ()), *[""] * count],
        "best_baseline": [*(trained["best_baseline"] if len(trained) else ()), *[""] * count],
        "recommended": [rank.get(name, 0) for name in (*names, *(proposed[at] for at in others))],
    }
    estimated = (f"{name}{end}" for name in _ESTIMATES for end in ("", "_lower", "_upper"))
    for name in (each.format(study.metric.column) for each in (*estimated, *_MEASURED)):
        columns[name] = [*_numbers(trained, name), *_numbers(foreseen, name)]
    names += [proposed[at] for at in others]
    least = least_span_of(study.metric)
    return Points(
        placement=names,
        columns=columns,
        axes=tuple(_axes(study, trained, foreseen)),
        choices=_choices(names),
        limits={name: _limits(trained, name, least) for name in ("gain", study.metric.column) if name in trained},
        has_gain=any(value is not None for value in columns["gain"]),
    )


def _axes(study: Reported, trained: pd.DataFrame, foreseen: pd.DataFrame) -> list[Axis]:
    if not len(trained):
        return []
    names = [*study.cost_table.names, *(name for name in (study.cost, "latency_ms") if f"extra_{name}" in trained)]
    plain = dict(zip(study.cost_table.names, study.cost_table.plain, strict=True))
    is_plain = trained["baseline"] == "plain"
    found = []
    for name in dict.fromkeys(names):
        total = [*_numbers(trained, name), *_numbers(foreseen, name)]
        extra = [*_numbers(trained, f"extra_{name}"), *_numbers(foreseen, f"extra_{name}")]
        if not any(value is not None for value in total):
            continue
        is_objective = name == study.cost
        points = np.flatnonzero(trained["on_front"]) if is_objective else _front_along(study, trained, name)
        measured = plain.get(name, trained.loc[is_plain, name].mean() if is_plain.any() else math.nan)
        found.append(
            Axis(
                name=name,
                label=_LABELS.get(name, name),
                unit=_UNITS.get(name, study.unit if is_objective else ""),
                plain=rounded(measured),
                total=total,
                extra=extra,
                front=sorted(map(int, points), key=lambda at: (total[at] or 0.0, at)),
                is_objective=is_objective,
            )
        )
    return sorted(found, key=lambda axis: not axis.is_objective)


def _front_along(study: Reported, trained: pd.DataFrame, cost: str) -> Sequence[int]:
    """Return the positions of the trained candidates that no other dominates by posterior mean and another cost."""
    estimates = study.estimates
    beside = set() if estimates is None else set(map(str, estimates.beside))
    name = study.metric.column
    is_known = trained[name].notna() & trained[cost].notna() & ~trained["placement"].isin(beside)
    positions = np.flatnonzero(is_known)
    losses = study.metric.losses(trained[name].to_numpy()[positions])
    both = np.stack([losses, trained[cost].to_numpy()[positions]], axis=1)
    return [int(at) for at in positions[front(both)]] if len(positions) else []


def _limits(trained: pd.DataFrame, name: str, least: float) -> tuple[float, float]:
    points = trained[[name, f"{name}_lower", f"{name}_upper", "on_front"]].dropna()
    if points.empty:
        return -1.0, 1.0
    low, high = limits_of(points.set_axis(["y", "lower", "upper", "on_front"], axis="columns"), least=least)
    digits = 4 if least else max(4, 2 - math.floor(math.log10(high - low)))
    return round(low, digits), round(high, digits)


def _choices(placements: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what every choice in some placements consists of, and the color of its module."""
    texts = dict.fromkeys(part for text in placements for part in text.partition("@")[0].split("-"))
    return {text: _described(StageChoice.parse(text)) for text in texts}


def _described(choice: StageChoice) -> dict[str, Any]:
    color = "" if choice.module == "none" else module_color(choice.name)
    return {"module": choice.module, "ratio": choice.ratio, "attachment": choice.attachment, "color": color}


def strip_of(placement: str, choices: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what the choices of a placement consist of, stage 1 first."""
    return [choices[part] for part in placement.partition("@")[0].split("-")]


def rounded(value: Any) -> float | int | None:
    """Return a number with six significant digits, whole numbers as they are, None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(f"{value:.{_SIX}g}")


def _numbers(table: pd.DataFrame, name: str) -> Column:
    return [rounded(value) for value in table[name]] if name in table else [None] * len(table)
