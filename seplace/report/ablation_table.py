"""The ablation table of a study in a terminal; figures of papers stand in columns of their own."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import quantity

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric

_PAPER = ("paper: top-1 error", "paper: top-5", "paper: gain")


def ablation_table(table: pd.DataFrame, metric: Metric, *, name: str, data: str) -> FittedTable:
    """Return the listed placements of a study, list by list; `data` says on which images they were trained."""
    has_test = bool(table[metric.test_column].notna().all())
    columns = [
        Column(heading="", is_text=True),
        Column(heading=metric.heading),
        Column(heading="gain vs plain"),
        *([Column(heading=f"test {metric.heading}", spare=2), Column(heading="test gain")] if has_test else []),
        Column(heading="seeds", spare=3),
        Column(heading="params", spare=1),
        Column(heading="MACs", spare=1),
        *(Column(heading=heading, spare=1 if heading == _PAPER[1] else 0) for heading in _PAPER),
    ]
    blank = [""] * (len(columns) - 1)
    rows: list[Row] = []
    records = [{str(name): value for name, value in record.items()} for record in table.to_dict("records")]
    for title, part in groupby(records, lambda record: str(record["list"])):
        rows += [Row(cells=[title, *blank], is_bold=True)] * bool(title)
        rows += [Row(cells=_cells(record, metric, has_test=has_test)) for record in part]
        rows[-1] = replace(rows[-1], ends_section=True)
    titles = {record["list"]: record["paper"] for record in records if record["paper"]}
    notes = [
        Note(
            text=f"{metric.label}: mean over seeds, adjusted for seed effects (what a seed adds to all placements "
            "alike is taken off), ± standard error of the adjusted values; the single trainings are in evaluations.csv"
        ),
        Note(text="gain: mean difference to the plain backbone on the same seeds ± standard error"),
    ]
    if titles:
        sources = "; ".join(f"{title}: {paper}" for title, paper in titles.items())
        notes.append(
            Note(
                text=f"paper: published figures of ResNet-50 on ImageNet in %, one training each, not of this study "
                f"({sources}); its gain is the top-1 error of plain minus that of the row",
                explains=_PAPER,
            )
        )
    title = f"{name}: placements on {data}{', beside published ones' * bool(titles)}"
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)


def _cells(record: dict[str, Any], metric: Metric, *, has_test: bool) -> list[str]:
    test = (
        [_figure(record, metric, metric.test_column), _figure(record, metric, "test_gain", signed=True)]
        if has_test
        else []
    )
    is_plain = record["label"] == "plain"
    return [
        f"  {record['label']}",
        _figure(record, metric, metric.column),
        "" if is_plain else _figure(record, metric, "gain", signed=True),
        *(test[:1] if is_plain else test),
        *([""] if is_plain and has_test else []),
        str(record["n"]) if record["n"] else "not trained",
        quantity(record["params"]),
        quantity(record["macs"]),
        _plain_number(record["paper_top1_error"]),
        _plain_number(record["paper_top5_error"]),
        "" if is_plain else _plain_number(record["paper_gain"], signed=True),
    ]


def _figure(record: dict[str, Any], metric: Metric, name: str, *, signed: bool = False) -> str:
    value = record[name]
    return "" if math.isnan(value) else metric.plus_minus(value, record[f"{name}_se"], signed=signed)


def _plain_number(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return ""
    return f"{value:+.2f}" if signed else f"{value:.2f}"
