"""The table of networks that were trained by another recipe than their study's, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.placement import Placement
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import plus_minus, quantity

if TYPE_CHECKING:
    import pandas as pd

_OF_VALIDATION, _OF_TEST = ("accuracy %", "gain vs plain"), ("test %", "test gain")


def trained_table(trained: pd.DataFrame, *, cost: str, title: str) -> FittedTable:
    """Return the placements of each recipe for a terminal, with means over seeds and their standard errors."""
    columns = [
        Column(heading="recipe", is_text=True),
        Column(heading="placement", is_text=True),
        Column(heading="seeds"),
        *(Column(heading=heading) for heading in (*_OF_VALIDATION, *_OF_TEST)),
        Column(heading=cost, spare=1),
    ]
    rows = []
    for row in trained.to_dict("records"):
        cells = [row["trained"], row["placement"], str(row["n"])]
        for name in ("", "test_"):
            gain = plus_minus(row[f"{name}gain"], row[f"{name}gain_se"], signed=True)
            cells += [
                plus_minus(row[f"{name}accuracy"], row[f"{name}accuracy_se"]),
                "" if Placement.parse(row["placement"]).is_plain else gain,
            ]
        rows.append(Row(cells=[*cells, quantity(row[cost])]))
    notes = [
        Note(
            text="accuracy and gain: mean over seeds ± standard error over seeds; the gain is paired by seed",
            explains=_OF_VALIDATION,
        ),
        Note(
            text="test % and test gain: mean over seeds ± standard error over seeds and new images; paired by seed",
            explains=_OF_TEST,
        ),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)
