"""The content of the page of a study as a plain record, computed before anything is written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.pareto import knee
from seplace.report.page.about import About, about_of
from seplace.report.page.course import curves_of, hypervolumes_of, stopped_at
from seplace.report.page.data import DataSummary, data_of
from seplace.report.page.effects import Effects, effects_of
from seplace.report.page.points import Points, points_of, rounded, strip_of
from seplace.report.page.seen import Seen, seen_of
from seplace.search.lock import holder
from seplace.search.of_study import failure_rules_of
from seplace.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.report.page.reported import Reported
    from seplace.results.advice import Step


@dataclass(frozen=True, kw_only=True)
class Take:
    """A placement that the page shows as a strip of stages, with its figures."""

    row: Mapping[str, Any]
    strip: Sequence[Mapping[str, Any]]
    label: str
    """Why it is shown: `take this`, `highest estimate`."""
    command: str
    does: str
    """What the command does."""
    is_advised: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page of a study shows."""

    name: str
    subject: str
    """The backbone and the data set."""
    state: str
    """Empty where the study has come to its end; else a sentence on where it stands."""
    advice: str
    next: tuple[Step, ...]
    verdict: str
    notes: tuple[str, ...]
    """Further sentences: outlook, test check."""
    numbers: tuple[tuple[str, str, str], ...]
    """Figures at the top: value, label, explanation."""
    take: Take | None
    points: Points
    front: tuple[Mapping[str, Any], ...]
    """The rows of the front and of the baselines beside it."""
    recommended: tuple[Mapping[str, Any], ...]
    trained: tuple[Mapping[str, Any], ...]
    """The placements that `seplace train` has trained by another recipe; their figures are means with errors."""
    cost: str
    cost_label: str
    measured: str
    metric: Metric
    has_weights: bool
    effects: Effects
    rungs: tuple[tuple[int, int, int], ...]
    rungs_note: str
    seen: Seen | None
    data: DataSummary
    about: About
    failures: tuple[str, ...]
    version: str
    embedded: Mapping[str, Any]
    """What the scripts of the page read, as plain JSON types."""

    @property
    def digits(self) -> int:
        """The decimals of values and gains."""
        return 2 if self.metric.digits is None else self.metric.digits

    @property
    def least(self) -> str:
        """The smallest gain that the trainings show; empty where that is not known."""
        if self.seen is None or self.seen.detectable is None:
            return ""
        return (
            f"{self.seen.detectable:.1f} points" if self.metric.unit == "%" else self.metric.rough(self.seen.detectable)
        )

    @property
    def is_empty(self) -> bool:
        """Whether no training is complete."""
        return not self.points.placement


def page_of(study: Reported) -> Page:
    """Return the content of the page of a study; it may be running, or have failed, or be without any result."""
    config, space = study.config, study.config.search_space
    points, plain = points_of(study), study.baselines["plain"]
    advice = study.advice
    best = _best(study, plain)
    rules = failure_rules_of(config)
    has_weights = (study.folder / "weights").is_dir()
    seen = seen_of(study.estimates, study.rows, study.metric, plain=plain, best=advice.take or best)
    others = f" and {len(space.variants)} more" if space.variants else ""
    front = points.front
    baselines = [at for at, name in enumerate(points.columns["baseline"]) if name and at not in front]
    recommended = sorted((rank, at) for at, rank in enumerate(points.columns["recommended"]) if rank)
    return Page(
        name=config.name,
        subject=f"attention on {space.backbone.text}{others}, {config.data_name}",
        state=_state(study),
        advice=advice.sentence,
        next=advice.next,
        verdict=study.verdict,
        notes=tuple(each for each in (study.outlook, study.test_check) if each),
        numbers=tuple(_numbers(study, points, seen)),
        take=_take(study, points, advice.take, best),
        points=points,
        front=tuple(points.row(at) for at in (*front, *baselines)),
        recommended=tuple(points.row(at) for _, at in recommended),
        trained=trained_rows(study.trained, study.metric),
        cost=study.cost,
        cost_label=next((axis.label for axis in points.axes if axis.is_objective), study.cost),
        measured=study.measured,
        metric=study.metric,
        has_weights=has_weights,
        effects=effects_of(study.effects, cost=study.cost),
        rungs=tuple(stopped_at(study.rung_rows, study.rows)),
        rungs_note=study.rungs_note,
        seen=seen,
        data=data_of(config, study.images),
        about=about_of(study),
        failures=tuple(rules.describe(row) for row in study.failed),
        version=__version__,
        embedded=_embedded(study, points, take=advice.take, has_weights=has_weights),
    )


def trained_rows(table: pd.DataFrame, metric: Metric) -> tuple[Mapping[str, Any], ...]:
    """Return the rows of the placements that were trained by another recipe, with None for what is not known."""
    names = [f"{name}{end}" for name in (metric.column, "gain", metric.test_column, "test_gain") for end in ("", "_se")]
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return tuple(row | {name: rounded(row[name]) for name in names} for row in rows)


def _state(study: Reported) -> str:
    running = holder(study.folder / "lock")
    if running:
        return f"This study is being run by {running}; the page shows what it has so far."
    if study.finished:
        return ""
    if study.plain_failure is not None:
        return "The plain backbone could not be trained, so nothing can be compared with it."
    if study.untested:
        return f"The test split could not be read: {study.untested}."
    if study.stopped:
        return f"The last run stopped: {study.stopped}."
    return "The last run was interrupted; the same command goes on with it."


def _best(study: Reported, plain: Placement) -> Placement | None:
    """Return the trained candidate with the highest estimate."""
    estimates = study.estimates
    if estimates is None:
        return None
    others = [each for each in estimates.placements if each != plain and each not in estimates.beside]
    return max(others, key=lambda each: estimates.means[estimates.position[each]], default=None)


def _take(study: Reported, points: Points, take: Placement | None, best: Placement | None) -> Take | None:
    shown = take or best
    at = None if shown is None else points.position_of(str(shown))
    if shown is None or at is None:
        return None
    row = points.row(at)
    folder, text = shlex.quote(str(study.folder)), shlex.quote(str(shown))
    return Take(
        row=row,
        strip=strip_of(str(shown), points.choices),
        label=_label(take, study.baselines["plain"]),
        command=f"seplace export {folder} --pick {text}" if row["n"] else f"seplace train {folder} {text}",
        is_advised=take is not None,
        does="export the trained network" if row["n"] else "train it",
    )


def _label(take: Placement | None, plain: Placement) -> str:
    if take is None:
        return "the highest estimate so far, not a recommendation"
    return "keep the plain backbone" if take == plain else "the placement to take"


def _numbers(study: Reported, points: Points, seen: Seen | None) -> list[tuple[str, str, str]]:
    complete = sum(row.value is not None for row in study.rows)
    trained = sum(n > 0 for n in points.columns["n"]) if points.placement else 0
    space = len(study.config.search_space)
    seeds = max(points.columns["n"], default=0)
    found = [
        (f"{trained:,}", "placements trained", f"of {space:,} in the space, {len(points.front)} on the front"),
        (f"{complete:,}", "trainings complete", f"{len(study.failed):,} failed, up to {seeds} seeds a placement"),
    ]
    if seen is not None:
        metric = study.metric
        found.append((metric.number(seen.noise), "noise of one training", f"standard deviation{_in(metric)}"))
        if seen.detectable is not None:
            least = f"{seen.detectable:.1f}" if metric.unit == "%" else metric.number(seen.detectable)
            found.append((least, "smallest visible gain", f"{_in(metric)}, with 80 % power".lstrip(", ")))
    return found


def _in(metric: Metric) -> str:
    return f",{metric.in_gain_unit}" if metric.gain_unit else ""


def _embedded(study: Reported, points: Points, *, take: Placement | None, has_weights: bool) -> dict[str, Any]:
    groups = {points.placement[at]: "front" for at in points.front}
    baselines = zip(points.placement, points.columns["baseline"], strict=True)
    groups |= {name: "baseline" for name, baseline in baselines if baseline and name not in groups}
    space = study.config.search_space
    curves = curves_of([*study.rows, *study.rung_rows], groups)
    return {
        "name": study.config.name,
        "folder": shlex.quote(str(study.folder)),
        "has_weights": has_weights,
        "measured": study.measured,
        "metric": _metric(study.metric),
        "has_gain": points.has_gain,
        "take": None if take is None else points.position_of(str(take)),
        "knee": _knee(points, study.metric),
        "stages": len(space.choices),
        "granularity": space.backbone.granularity,
        "placement": points.placement,
        "columns": dict(points.columns),
        "axes": [vars(axis) for axis in points.axes],
        "choices": dict(points.choices),
        "limits": dict(points.limits),
        "trainings": _trainings(study),
        "hypervolume": hypervolumes_of(study.history),
        "curves": curves.rows,
        "curves_of": curves.trainings,
    }


def _knee(points: Points, metric: Metric) -> int | None:
    """Return the position of the knee of the study's front."""
    front = points.front
    if not front:
        return None
    axis = next(axis for axis in points.axes if axis.is_objective)
    values = points.columns[metric.column]
    return front[knee([(metric.loss(metric.score(values[at])), axis.total[at]) for at in front])]


def _metric(metric: Metric) -> dict[str, Any]:
    """Return what the scripts show of the metric."""
    direction = "" if metric.is_maximized else ", lower is better"
    return {
        "column": metric.column,
        "test_column": metric.test_column,
        "label": metric.label,
        "unit": metric.unit,
        "gain_unit": metric.gain_unit,
        "digits": 2 if metric.digits is None else metric.digits,
        "heading": ", ".join(filter(None, [metric.label, metric.unit])),
        "axis": f"{', '.join(filter(None, [metric.label, metric.unit]))}{direction}",
        "gain_axis": ", ".join(filter(None, ["gain over plain", metric.gain_unit])),
        "of_front": f"{', '.join(filter(None, [f'{metric.label} of the front', metric.unit]))}{direction}",
        "loss_unit": ", nats" if metric.is_accuracy else "",
    }


def _trainings(study: Reported) -> dict[str, list[Any]]:
    """Return all evaluations of full length as columns."""
    rows = study.rows
    return {
        "placement": [str(row.placement) for row in rows],
        "seed": [row.seed for row in rows],
        "epochs": [row.epochs for row in rows],
        study.metric.column: [rounded(row.value) for row in rows],
        **({"cross_entropy": [rounded(row.cross_entropy) for row in rows]} if study.metric.is_accuracy else {}),
        "seconds": [round(row.seconds, 1) for row in rows],
        "device": [row.device for row in rows],
        "state": [row.reason or row.state for row in rows],
    }
