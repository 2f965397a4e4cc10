"""The tables of simulated searches, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from seplace.interval import Interval
from seplace.report.terminal import plain_table

if TYPE_CHECKING:
    import pandas as pd


def simulation_table(summary: pd.DataFrame) -> Table:
    """Return true hypervolumes, by problem, recommendation and sampler, with a column for each checkpoint."""
    table = Table(
        header_style="bold",
        title_justify="left",
        title="true hypervolume ÷ attainable, mean [95 % interval]",
    )
    checkpoints = sorted(summary["trainings"].unique())
    for heading in ("problem", "recommendation", "sampler"):
        table.add_column(heading, no_wrap=True)
    for heading in (*(f"{each} trainings" for each in checkpoints), "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (problem, recommendation, sampler), rows in summary.groupby(
        ["problem", "recommendation", "sampler"], sort=False
    ):
        by_checkpoint = {row["trainings"]: row for row in rows.to_dict("records")}
        cells = [
            "" if row is None else f"{Interval.of_row(row, 'hypervolume'):.3f}"
            for row in (by_checkpoint.get(each) for each in checkpoints)
        ]
        table.add_row(str(problem), str(recommendation), str(sampler), *cells, str(rows["repetitions"].min()))
    return table


def calibration_table(calibrations: pd.DataFrame) -> Table:
    """Return the estimates of the trained front against the truth, averaged over searches, by problem and sampler."""
    headings = (
        "problem",
        "sampler",
        "placements",
        "trainings",
        "regret",
        "expected regret",
        "covered",
        "gains covered",
        "bias",
        "gain bias",
        "observed gain bias",
        "any claim",
        "a wrong claim",
    )
    table = Table(
        header_style="bold",
        title_justify="left",
        title="estimates of the trained front against the truth, at the end of the searches",
    )
    for at, heading in enumerate((*headings, "n")):
        table.add_column(heading, justify="left" if at < 2 else "right", no_wrap=True)
    for (problem, sampler), rows in calibrations.groupby(["problem", "sampler"], sort=False):
        candidates = rows["front_points"].sum()
        table.add_row(
            str(problem),
            str(sampler),
            f"{rows['different'].mean():.0f}",
            f"{rows['trained'].mean():.0f}",
            f"{100 * rows['regret'].mean():.1f} %",
            f"{100 * rows['expected_regret'].mean():.1f} %",
            f"{100 * rows['covered'].sum() / candidates:.0f} %",
            f"{100 * rows['gains_covered'].sum() / max(candidates - len(rows), 1):.0f} %",
            f"{rows['bias'].mean():+.3f}",
            f"{rows['gain_bias'].mean():+.3f}",
            f"{rows['observed_gain_bias'].mean():+.3f}",
            f"{100 * (rows['claimed'] > 0).mean():.0f} %",
            f"{100 * (rows['wrongly_claimed'] > 0).mean():.0f} %",
            str(len(rows)),
        )
    return table


def rungs_table(rungs: pd.DataFrame) -> Table:
    """Return the state of the rungs at the end of the searches, by problem, sampler and rung."""
    rows = []
    for (problem, sampler, epochs), some in rungs.groupby(["problem", "sampler", "epochs"], sort=False):
        tau = f"{some['tau'].mean():.2f} ± {some['tau'].std():.2f}"
        share, stopped = f"{100 * some['on'].mean():.0f} %", f"{some['stopped'].mean():.1f}"
        rows.append([f"{problem} {sampler}, {epochs} epochs", share, tau, f"{some['pairs'].mean():.0f}", stopped])
    headings = ["rung", "on at the end", "tau ± sd", "pairs", "trainings stopped"]
    return plain_table(headings, rows, title="rungs, over the searches")
