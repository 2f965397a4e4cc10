"""The table of networks that were trained by another recipe than their study's, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.placement import Placement
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import quantity

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric


def trained_table(trained: pd.DataFrame, metric: Metric, *, cost: str, title: str) -> FittedTable:
    """Return the placements of each recipe for a terminal, with means over seeds and their standard errors."""
    of_validation, of_test = (metric.heading, "gain vs plain"), (metric.test_heading, "test gain")
    columns = [
        Column(heading="recipe", is_text=True),
        Column(heading="placement", is_text=True),
        Column(heading="seeds"),
        *(Column(heading=heading) for heading in (*of_validation, *of_test)),
        Column(heading=cost, spare=1),
    ]
    rows = []
    for row in trained.to_dict("records"):
        cells = [row["trained"], row["placement"], str(row["n"])]
        for name in ("", "test_"):
            gain = metric.plus_minus(row[f"{name}gain"], row[f"{name}gain_se"], signed=True)
            value = f"{name}{metric.column}"
            cells += [
                metric.plus_minus(row[value], row[f"{value}_se"]),
                "" if Placement.parse(row["placement"]).is_plain else gain,
            ]
        rows.append(Row(cells=[*cells, quantity(row[cost])]))
    notes = [
        Note(
            text=f"{metric.label} and gain: mean over seeds ± standard error over seeds; the gain is paired by seed",
            explains=of_validation,
        ),
        Note(
            text=f"{metric.test_heading} and test gain: mean over seeds ± standard error over seeds and new "
            f"{metric.samples}; paired by seed",
            explains=of_test,
        ),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)
