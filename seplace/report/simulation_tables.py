"""The tables of simulated searches, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.terminal import plain_table

if TYPE_CHECKING:
    import pandas as pd


_NOTES = [
    Note(text="regret: hypervolume that the recommended front misses, true and as the model expects it"),
    Note(
        text="covered: front points whose true accuracy, or gain over the plain backbone, lies in its 90 % credible "
        "interval; all gains covered: the same of the gains of all trained placements"
    ),
    Note(
        text="bias: estimate minus truth in points; observed: of means over seeds instead of estimates",
        explains=["bias", "gain bias", "observed gain bias"],
    ),
    Note(text="claim: searches whose verdict calls a placement better than the plain backbone; wrong: one that is not"),
]


def simulation_table(summary: pd.DataFrame) -> FittedTable:
    """Return true hypervolumes, by problem, recommendation and sampler, with a column for each checkpoint.

    A narrow terminal leaves out the early checkpoints first.
    """
    checkpoints = sorted(summary["trainings"].unique())
    columns = [
        Column(heading="problem", is_text=True),
        Column(heading="recommendation", is_text=True, is_below=True),
        Column(heading="sampler", is_text=True),
        *(
            Column(heading=f"{each} trainings", spare=at if at < len(checkpoints) else 0)
            for at, each in enumerate(checkpoints, start=1)
        ),
        Column(heading="n"),
    ]
    rows = []
    for (problem, recommendation, sampler), some in summary.groupby(
        ["problem", "recommendation", "sampler"], sort=False
    ):
        by_checkpoint = {row["trainings"]: row for row in some.to_dict("records")}
        cells = [
            "" if row is None else f"{Interval.of_row(row, 'hypervolume'):.3f}"
            for row in (by_checkpoint.get(each) for each in checkpoints)
        ]
        rows.append(
            Row(cells=[str(problem), str(recommendation), str(sampler), *cells, str(some["repetitions"].min())])
        )
    title = "true hypervolume ÷ attainable, mean [95 % interval]"
    return FittedTable(columns=columns, rows=rows, title=title)


def calibration_table(calibrations: pd.DataFrame) -> FittedTable:
    """Return the estimates of the trained front against the truth, averaged over searches, by problem and sampler."""
    columns = [
        Column(heading="problem", is_text=True),
        Column(heading="sampler", is_text=True, is_below=True),
        Column(heading="placements", spare=1),
        Column(heading="trainings", spare=1),
        Column(heading="regret"),
        Column(heading="expected regret"),
        Column(heading="covered"),
        Column(heading="gains covered"),
        Column(heading="all gains covered", narrow_heading="all gains\ncovered"),
        Column(heading="bias", spare=2),
        Column(heading="gain bias"),
        Column(heading="observed gain bias", narrow_heading="observed\ngain bias", spare=2),
        Column(heading="any claim"),
        Column(heading="wrong claim"),
        Column(heading="n"),
    ]
    rows = []
    for (problem, sampler), searches in calibrations.groupby(["problem", "sampler"], sort=False):
        points = searches["front_points"].sum()
        cells = [
            str(problem),
            str(sampler),
            f"{searches['different'].mean():.0f}",
            f"{searches['trained'].mean():.0f}",
            f"{100 * searches['regret'].mean():.1f} %",
            f"{100 * searches['expected_regret'].mean():.1f} %",
            f"{100 * searches['covered'].sum() / points:.0f} %",
            f"{100 * searches['gains_covered'].sum() / max(points - len(searches), 1):.0f} %",
            _share_of_all_gains(searches),
            f"{searches['bias'].mean():+z.3f}",
            f"{searches['gain_bias'].mean():+z.3f}",
            f"{searches['observed_gain_bias'].mean():+z.3f}",
            f"{100 * (searches['claimed'] > 0).mean():.0f} %",
            f"{100 * (searches['wrongly_claimed'] > 0).mean():.0f} %",
            str(len(searches)),
        ]
        rows.append(Row(cells=cells))
    return FittedTable(
        columns=columns,
        rows=rows,
        title="estimates of the trained front against the truth, at the end of n searches",
        notes=_NOTES,
    )


def _share_of_all_gains(searches: pd.DataFrame) -> str:
    """Return the share of the gains of all trained placements that is covered; nothing before version 0.13."""
    if "compared" not in searches:
        return ""
    known = searches.dropna(subset=["compared"])
    compared = known["compared"].sum()
    return f"{100 * known['compared_gains_covered'].sum() / compared:.0f} %" if compared else ""


def rungs_table(rungs: pd.DataFrame) -> FittedTable:
    """Return the state of the rungs at the end of the searches, by problem, sampler and rung."""
    rows = []
    for (problem, sampler, epochs), some in rungs.groupby(["problem", "sampler", "epochs"], sort=False):
        tau = f"{some['tau'].mean():.2f} ± {some['tau'].std():.2f}"
        share, stopped = f"{100 * some['on'].mean():.0f} %", f"{some['stopped'].mean():.1f}"
        rows.append([f"{problem} {sampler}, {epochs} epochs", share, tau, f"{some['pairs'].mean():.0f}", stopped])
    headings = ["rung", "on at the end", "tau ± sd", "pairs", "trainings stopped"]
    return plain_table(headings, rows, title="rungs, over the searches")
