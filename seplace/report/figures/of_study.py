"""The figures of a study by their kinds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seplace.errors import UnknownName
from seplace.report.figures import KINDS
from seplace.report.figures.curves import plot_curves
from seplace.report.figures.effects import plot_effects, plot_heat
from seplace.report.figures.front import Pick, plot_front
from seplace.report.figures.gates import plot_gates
from seplace.report.figures.history import plot_history
from seplace.report.figures.saving import refuse_unwritable, save_figure
from seplace.report.figures.style import empty_figure, style_of
from seplace.report.study_views import StudyViews, backbones_of, better_of
from seplace.results.picks import front_of_candidates, knee_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_study(
    study: StudyViews,
    path: Path | None = None,
    *,
    kind: str = "front",
    absolute: bool = False,
    width: str | float | None = None,
    heading: bool = True,
    pick: str = "knee",
) -> Figure:
    """Draw a figure of a study; save it too where a path is given. `pick` is the network whose gates are drawn."""
    if kind not in KINDS:
        raise UnknownName("kind of figure", kind, KINDS)
    if path is not None:
        refuse_unwritable(path)
    if kind == "gates":
        figure = _plot_gates(study, pick, width=width, heading=heading)
    else:
        figure = _plot(study, kind, absolute=absolute, width=width, heading=heading)
    if path is not None:
        save_figure(figure, path)
    return figure


def pick_of(study: StudyViews) -> Pick | None:
    """Return the placement that a figure marks: the one that is advised, else the knee of the front."""
    take = study.advice.take
    if take is not None:
        return Pick(placement=str(take), name="take", reason="the advised placement")
    points = front_of_candidates(study.placements, study.config.search_space, study.metric, cost=study.cost)
    points = points if points.empty else points[points[study.metric.column].notna()]
    if not len(points):
        return None
    text = str(points["placement"].iloc[knee_of(points, study.metric, study.cost)])
    return Pick(placement=text, name="knee", reason="the pick of export")


def _plot_gates(study: StudyViews, pick: str, *, width: str | float | None, heading: bool) -> Figure:
    title = f"{study.config.name}: what the gates of a network learned"
    if study.placements.empty:
        return empty_figure(style_of(width), title if heading else "", x="channel", y="gate")
    return plot_gates(study.gates(pick), width=width, heading=heading)


def _plot(study: StudyViews, kind: str, *, absolute: bool, width: str | float | None, heading: bool) -> Figure:
    name = study.config.name
    placements = study.placements if kind in ("front", "curves") else None
    if kind == "effects":
        title = f"{name}: effect of each choice, averaged over the rest of the space"
        return plot_effects(study.effects, study.metric, title=title, width=width, heading=heading)
    if kind == "heat":
        title = f"{name}: effect of each choice in each stage, averaged over the rest of the space"
        return plot_heat(study.effects, study.metric, title=title, width=width, heading=heading)
    plain = study.baselines["plain"]
    estimates = study.estimates
    if kind == "history":
        known = None if estimates is None else estimates.position.get(plain)
        value = None if estimates is None or known is None else study.metric.value(float(estimates.means[known]))
        title = f"{name}: the front after each training"
        return plot_history(study.history, study.metric, title=title, plain=value, width=width, heading=heading)
    assert placements is not None
    if not placements.empty:
        placements = placements[placements[study.metric.column].notna()]  # of very many, some have no estimates
    if kind == "curves":
        return plot_curves(
            study.curves,
            study.metric,
            title=f"{name}: learning curves",
            plain=str(plain),
            front=set() if placements.empty else set(placements.loc[placements["on_front"], "placement"]),
            pick=pick_of(study),
            width=width,
            heading=heading,
        )
    return plot_front(
        placements,
        study.metric,
        cost=study.cost,
        unit=study.unit,
        title=f"{name}: attention placements on {backbones_of(study)}",
        verdict=study.verdict,
        measured=study.measured,
        absolute=absolute,
        better=better_of(study),
        pick=pick_of(study),
        width=width,
        heading=heading,
    )
