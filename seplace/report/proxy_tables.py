"""The table of a rank correlation check, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich import box
from rich.table import Table

from seplace.interval import Interval

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("", "ranks by", "tau", "ceiling", "beyond FLOPs", "verdict", "s per placement", "s shared")
_TEXTS = ("", "ranks by", "verdict")


def rank_correlation_view(rank_correlations: pd.DataFrame) -> Table:
    """Return the rank correlations of each proxy; the ceiling is `not known` without a second seed."""
    first = rank_correlations.iloc[0]
    table = Table(
        title=f"Rank correlation with stand-alone trainings of n = {first['placements']} placements "
        f"({first['replicated']} on several seeds): Kendall's tau-b, with 90 % intervals",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for heading in _HEADINGS:
        justify: Literal["left", "right"] = "left" if heading in _TEXTS else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    last = ""
    for row in rank_correlations.to_dict("records"):
        is_new = row["proxy"] != last
        last = row["proxy"]
        table.add_row(
            last if is_new else "",
            row["against"],
            f"{Interval.of_row(row, 'tau'):+.2f}" or "all tied",
            f"{Interval.of_row(row, 'ceiling'):+.2f}" or "not known",
            f"{Interval.of_row(row, 'beyond_flops'):+.2f}",
            row["verdict"],
            *((f"{row[column]:.3g}" if is_new else "") for column in ("seconds", "shared_seconds")),
            end_section=not is_new,
        )
    return table
