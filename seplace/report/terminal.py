"""The tables of a study, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import quantity
from seplace.results.verdict import counted

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric

_SURE = 0.95
_MOST = 0.5
"""The share of rows in which a value must be known that its column is shown."""

_PLACEMENT = Note(
    text="placement: one choice per stage, each a module, its reduction ratio and its .attachment; none: no attention"
)
_UNTIMED = Note(
    text="empty where a choice was not timed: those of the front and of the baselines are",
    named=["extra ms"],
    explains=["extra ms"],
)
_ESTIMATE = "posterior mean [90 % credible interval]"


def front_table(
    front: pd.DataFrame,
    metric: Metric,
    *,
    cost: str,
    title: str,
    has_test: bool = True,
    has_test_images: bool = True,
) -> FittedTable:
    """Return the front, and below a line the baselines that are not on it, for a terminal.

    Front points are bold and have a dot. P(non-dominated) is the probability that no other candidate dominates a
    placement. Without `has_test_images` it is not known of every tested training which test images were right.
    """
    columns = [
        Column(heading="placement", is_text=True),
        Column(heading="(baseline)", is_text=True, is_below=True),
        Column(heading="front"),
        Column(heading="P(non-dominated)", narrow_heading="P(non-\ndominated)", spare=4),
        Column(heading="seeds"),
        Column(heading=metric.heading, spare=2),
        Column(heading="gain vs plain"),
        Column(heading="gain vs baseline", spare=3),
        Column(heading=cost, spare=1),
        Column(heading=f"extra {cost}"),
        *([Column(heading=metric.test_heading, spare=1), Column(heading="test gain", spare=3)] if has_test else []),
    ]
    rows = []
    for at, row in enumerate(front.to_dict("records")):
        is_plain = row["baseline"] == "plain"
        cells = [
            row["placement"],
            f"({row['baseline']})" if row["baseline"] else "",
            "●" if row["on_front"] else "",
            f"{100 * row['p_front']:.0f} %",
            str(row["n"]),
            metric.interval(Interval.of_row(row, metric.column)),
            "" if is_plain else metric.interval(Interval.of_row(row, "gain"), signed=True),
            "" if is_plain else metric.interval(Interval.of_row(row, "gain_vs_baseline"), signed=True),
            quantity(row[cost]),
            quantity(row[f"extra_{cost}"], signed=True),
            *(_test_cells(row, metric) if has_test else []),
        ]
        is_last_point = row["on_front"] and at + 1 < len(front) and not front["on_front"].iloc[at + 1]
        rows.append(Row(cells=cells, is_bold=row["on_front"], ends_section=is_last_point))
    of_test = f"mean over tested seeds ± standard error over seeds and new {metric.samples}"
    if not has_test_images:
        of_test += _without_samples(metric)
    notes = [
        _PLACEMENT,
        Note(text="● and bold: on the front; (in parentheses): the name of a baseline"),
        Note(
            text="P(non-dominated): the probability that no other trained placement is better and costs no more",
            explains=["P(non-dominated)"],
        ),
        Note(
            text=_ESTIMATE,
            explains=[metric.heading, "gain vs plain"],
            named=[metric.label, "gain vs plain"],
        ),
        *_direction(metric),
        Note(text="gain vs baseline: over the best baseline that costs no more", explains=["gain vs baseline"]),
        Note(
            text=of_test,
            explains=[metric.test_heading, "test gain"],
            named=[metric.test_heading, "test gain (vs plain)"],
        ),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)


def _without_samples(metric: Metric) -> str:
    known = "which test images were right" if metric.is_accuracy else f"what single test {metric.samples} have"
    return f", over seeds alone where it is not known {known}"


def _direction(metric: Metric) -> list[Note]:
    """Return the note that a metric is minimized."""
    if metric.is_maximized:
        return []
    return [Note(text=f"a lower {metric.label} is better, and a gain is positive where it is lower")]


def _test_cells(row: dict[Hashable, Any], metric: Metric) -> list[str]:
    gain = "" if row["baseline"] == "plain" else metric.plus_minus(row["test_gain"], row["test_gain_se"], signed=True)
    return [metric.plus_minus(row[metric.test_column], row[f"{metric.test_column}_se"]), gain]


def recommended_table(
    recommended: pd.DataFrame, metric: Metric, *, cost: str, title: str, baselines: Mapping[str, str]
) -> FittedTable:
    """Return the recommended placements for a terminal, in their order; those with a negative gain are below a line.

    `baselines` are the names of baselines by placement.
    """
    columns = [
        Column(heading="#"),
        Column(heading="placement", is_text=True),
        Column(heading="(baseline)", is_text=True, is_below=True),
        Column(heading="trained"),
        Column(heading=metric.heading, spare=2),
        Column(heading="gain vs plain"),
        Column(heading=cost, spare=1),
        Column(heading=f"extra {cost}"),
    ]
    numbered = list(enumerate(recommended.to_dict("records"), start=1))
    lower = [number for number, row in numbered if row["gain"] < 0]
    rows: list[Row] = []
    for number, row in sorted(numbered, key=lambda each: each[0] in lower):
        name = baselines.get(row["placement"], "")
        cells = [
            str(number),
            row["placement"],
            f"({name})" if name else "",
            counted(row["n"], "seed") if row["n"] else "no",
            metric.interval(Interval.of_row(row, metric.column)),
            "" if name == "plain" else metric.interval(Interval.of_row(row, "gain"), signed=True),
            quantity(row[cost]),
            quantity(row.get(f"extra_{cost}", math.nan), signed=True),
        ]
        is_last_above = bool(lower) and len(rows) == len(numbered) - len(lower) - 1
        rows.append(Row(cells=cells, is_bold=row["n"] > 0, ends_section=is_last_above))
    notes = [
        _PLACEMENT,
        Note(text=f"{metric.label}, gain: {_ESTIMATE}; bold: trained; (in parentheses): the name of a baseline"),
        *_direction(metric),
        Note(text="#: the order of what each adds to the hypervolume, given those before it"),
    ]
    if lower:
        notes.append(
            Note(
                text="below the line: not expected to be better than the plain backbone. They are on the list since "
                "that is not certain, and they cost less than those with larger gains"
            )
        )
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes, is_long=True)


def effects_table(effects: pd.DataFrame, metric: Metric, *, kind: str, title: str) -> FittedTable:
    """Return the effects of one kind for a terminal; those whose sign is known with 95 % probability are marked.

    Times are left out where most are not known.
    """
    shown = effects[effects["kind"] == kind]
    has_times = bool(shown["extra_latency_ms"].notna().mean() >= _MOST)
    columns = [
        Column(heading="stage", is_text=True),
        Column(heading=kind, is_text=True),
        Column(heading=f"effect{metric.in_gain_unit}"),
        Column(heading="P(effect > 0)", narrow_heading="P(effect\n> 0)"),
        Column(heading="sign known", narrow_heading="sign\nknown"),
        Column(heading="trainings", spare=3),
        Column(heading="extra flops"),
        Column(heading="extra params", spare=2),
        *([Column(heading="extra ms", spare=1)] if has_times else []),
    ]
    rows = [
        Row(
            cells=[
                str(row["stage"] or "all"),
                row["name"],
                metric.interval(Interval.of_row(row, "effect"), signed=True),
                f"{100 * row['p_positive']:.0f} %",
                "●" if _is_sure(row["p_positive"]) else "",
                f"{row['trainings']:.0f}",
                quantity(row.get("extra_flops", math.nan), signed=True),
                quantity(row.get("extra_params", math.nan), signed=True),
                *([_milliseconds(row["extra_latency_ms"])] if has_times else []),
            ],
            is_bold=_is_sure(row["p_positive"]),
        )
        for row in shown.to_dict("records")
    ]
    notes = [
        Note(text=f"effect: over no attention in the stage, {_ESTIMATE}"),
        *([] if metric.is_maximized else [Note(text=f"a positive effect is better: a lower {metric.label}")]),
        *[Note(text="● and bold: its sign is known at 95 %")] * any(row.is_bold for row in rows),
        *[_UNTIMED] * bool(has_times and shown["extra_latency_ms"].isna().any()),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes, is_long=True)


def _is_sure(positive: float) -> bool:
    return max(positive, 1 - positive) >= _SURE


def _milliseconds(extra: float) -> str:
    return "" if math.isnan(extra) else f"{extra:+z.3f}"


def proxies_table(proxies: pd.DataFrame, metric: Metric, *, title: str) -> FittedTable:
    """Return what the score of each proxy of a study is worth, for a terminal."""
    per_sd = f"{metric.gain_unit or 'effect'} per sd"
    columns = [
        Column(heading="proxy", is_text=True),
        Column(heading=per_sd),
        Column(heading="P(effect > 0)", narrow_heading="P(effect\n> 0)"),
        Column(heading="R² by choices", spare=1),
        Column(heading="scored"),
        Column(heading="seconds", spare=1),
        Column(heading="verdict", is_text=True),
    ]
    rows = [
        Row(
            cells=[
                row["proxy"],
                metric.interval(Interval.of_row(row, "effect"), signed=True),
                "" if math.isnan(row["p_positive"]) else f"{100 * row['p_positive']:.0f} %",
                "" if math.isnan(row["fit"]) else f"{row['fit']:.2f}",
                str(row["scored"]),
                f"{row['seconds'] + row['shared_seconds']:.1f}",
                row["verdict"],
            ]
        )
        for row in proxies.to_dict("records")
    ]
    better = metric.label if metric.is_maximized else f"a lower {metric.label}"
    note = Note(text=f"{per_sd}: {better} for one standard deviation of the score, {_ESTIMATE}")
    return FittedTable(columns=columns, rows=rows, title=title, notes=[note])


def noise_table(noise: pd.DataFrame, metric: Metric, *, title: str) -> FittedTable:
    """Return a noise report: one row for each quantity; accuracy and cross-entropy side by side."""
    size = f"{noise['placements'].iloc[0]} placements x {noise['seeds'].iloc[0]} seeds, 90 % intervals"
    columns = [
        Column(heading="quantity", is_text=True),
        Column(heading=f"{metric.label}{metric.in_gain_unit}"),
        *([Column(heading="cross-entropy in 0.01 nats")] if metric.is_accuracy else []),
    ]
    rows = []
    for quantity_name, values in noise.groupby("quantity", sort=False):
        by_score = {row["score"]: row for row in values.to_dict("records")}
        if "both" in by_score:
            cells = [f"{by_score['both']['value']:.2f}", ""]
        else:
            cells = [_noise_cell(row, metric) for row in by_score.values()]
        rows.append(Row(cells=[str(quantity_name), *cells]))
    return FittedTable(columns=columns, rows=rows, title=f"{title}: {size}")


def _noise_cell(row: dict[Hashable, Any], metric: Metric) -> str:
    """Return a quantity of a noise report: a standard deviation in the unit of its score, or a number without one."""
    interval = Interval.of_row(row, "value")
    is_of_metric = row["score"] == metric.column and str(row["quantity"]).startswith("sd ")
    return metric.interval(interval) if is_of_metric else f"{interval:.2f}"


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> FittedTable:
    """Return a table with text in the first column and numbers in the others."""
    columns = [Column(heading=heading, is_text=at == 0) for at, heading in enumerate(headings)]
    return FittedTable(columns=columns, rows=[Row(cells=row) for row in rows], title=title)
