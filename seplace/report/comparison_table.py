"""The table that compares two studies, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import quantity

if TYPE_CHECKING:
    from seplace.results.comparison import Comparison


def comparison_table(comparison: Comparison) -> FittedTable:
    """Return the gains of the winners, the recommended placements and the baselines in both studies."""
    sides = {"one": ("A", comparison.one), "other": ("B", comparison.other)}
    table = comparison.table
    costs = dict.fromkeys((side.cost, tuple(table[f"extra_{name}"])) for name, (_, side) in sides.items())
    columns = [
        Column(heading="placement", is_text=True),
        Column(heading="(why)", is_text=True, is_below=True),
        *(
            column
            for letter, _ in sides.values()
            for column in (Column(heading=f"gain in {letter}"), Column(heading=f"seeds in {letter}", spare=2))
        ),
        *(Column(heading=f"extra {cost}", spare=1) for cost, _ in costs),
    ]
    winners = {str(side.winner) for _, side in sides.values()}
    rows = []
    for at, row in enumerate(table.to_dict("records")):
        cells = [row["placement"], f"({row['mark']})"]
        for name, (_, side) in sides.items():
            is_plain = row["placement"] == str(side.plain)
            cells.append("" if is_plain else side.number(Interval.of_row(row, f"gain_{name}")))
            cells.append(str(row[f"n_{name}"] or "–"))
        cells += [quantity(extra[at], signed=True) for _, extra in costs]
        rows.append(Row(cells=cells, is_bold=row["placement"] in winners))
    units = "; ".join(f"{letter}: {side.name}, in {side.unit}" for letter, side in sides.values())
    notes = [
        Note(text=f"gain over the plain backbone, posterior mean [90 % credible interval]; {units}"),
        Note(
            text="bold: the best of each study; seeds –: not trained there, estimated from the effects of its choices"
        ),
    ]
    title = f"{comparison.one.name} (A) and {comparison.other.name} (B): the same placements in both"
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)
