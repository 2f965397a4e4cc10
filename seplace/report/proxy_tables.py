"""The table of a rank correlation check, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    Column(heading="proxy", is_text=True),
    Column(heading="ranks by", is_text=True),
    Column(heading="tau"),
    Column(heading="ceiling"),
    Column(heading="beyond FLOPs"),
    Column(heading="verdict", is_text=True),
    Column(heading="s per placement", narrow_heading="s per\nplacement", spare=1),
    Column(heading="s shared", spare=1),
)


def rank_correlation_view(rank_correlations: pd.DataFrame) -> FittedTable:
    """Return the rank correlations of each proxy; the ceiling is `not known` without a second seed."""
    first = rank_correlations.iloc[0]
    rows: list[Row] = []
    last = ""
    for row in rank_correlations.to_dict("records"):
        is_new = row["proxy"] != last
        last = row["proxy"]
        cells = [
            last if is_new else "",
            row["against"],
            f"{Interval.of_row(row, 'tau'):+.2f}" or "all tied",
            f"{Interval.of_row(row, 'ceiling'):+.2f}" or "not known",
            f"{Interval.of_row(row, 'beyond_flops'):+.2f}",
            row["verdict"],
            *((f"{row[column]:.3g}" if is_new else "") for column in ("seconds", "shared_seconds")),
        ]
        rows.append(Row(cells=cells, ends_section=not is_new))
    return FittedTable(
        columns=_COLUMNS,
        rows=rows,
        title=f"Rank correlation with stand-alone trainings of n = {first['placements']} placements "
        f"({first['replicated']} on several seeds)",
        notes=[
            Note(
                text="Kendall's tau-b [90 % bootstrap interval]; ceiling: the tau of the true values under this "
                "noise; beyond FLOPs: partial tau given FLOPs"
            )
        ],
    )
