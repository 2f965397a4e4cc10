"""The tables of a study, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import plus_minus, quantity
from seplace.results.verdict import counted

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.95
_MOST = 0.5
"""The share of rows in which a value must be known that its column is shown."""

_PLACEMENT = Note(
    text="placement: one choice per stage, each a module, its reduction ratio and its .attachment; none: no attention"
)
_ESTIMATE = "posterior mean [90 % credible interval]"
_WITHOUT_IMAGES = ", over seeds alone where it is not known which test images were right"


def front_table(
    front: pd.DataFrame, *, cost: str, title: str, has_test: bool = True, has_test_images: bool = True
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
        Column(heading="accuracy %", spare=2),
        Column(heading="gain vs plain"),
        Column(heading="gain vs baseline", spare=3),
        Column(heading=cost, spare=1),
        Column(heading=f"extra {cost}"),
        *([Column(heading="test %", spare=1), Column(heading="test gain", spare=3)] if has_test else []),
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
            f"{Interval.of_row(row, 'accuracy'):.2f}",
            "" if is_plain else f"{Interval.of_row(row, 'gain'):+.2f}",
            "" if is_plain else f"{Interval.of_row(row, 'gain_vs_baseline'):+.2f}",
            quantity(row[cost]),
            quantity(row[f"extra_{cost}"], signed=True),
            *(_test_cells(row) if has_test else []),
        ]
        is_last_point = row["on_front"] and at + 1 < len(front) and not front["on_front"].iloc[at + 1]
        rows.append(Row(cells=cells, is_bold=row["on_front"], ends_section=is_last_point))
    of_test = "mean over tested seeds ± standard error over seeds and new images"
    notes = [
        _PLACEMENT,
        Note(text="● and bold: on the front; (in parentheses): the name of a baseline"),
        Note(
            text="P(non-dominated): the probability that no other trained placement is better and costs no more",
            explains=["P(non-dominated)"],
        ),
        Note(text=f"accuracy, gain vs plain: {_ESTIMATE}"),
        Note(text="gain vs baseline: over the best baseline that costs no more", explains=["gain vs baseline"]),
        Note(
            text=f"test %, test gain (vs plain): {of_test}{'' if has_test_images else _WITHOUT_IMAGES}",
            explains=["test %", "test gain"],
        ),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes)


def _test_cells(row: dict[Hashable, Any]) -> list[str]:
    gain = "" if row["baseline"] == "plain" else plus_minus(row["test_gain"], row["test_gain_se"], signed=True)
    return [plus_minus(row["test_accuracy"], row["test_accuracy_se"]), gain]


def recommended_table(recommended: pd.DataFrame, *, cost: str, title: str, baselines: Mapping[str, str]) -> FittedTable:
    """Return the recommended placements for a terminal, in their order; those with a negative gain are below a line.

    `baselines` are the names of baselines by placement.
    """
    columns = [
        Column(heading="#"),
        Column(heading="placement", is_text=True),
        Column(heading="(baseline)", is_text=True, is_below=True),
        Column(heading="trained"),
        Column(heading="accuracy %", spare=2),
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
            f"{Interval.of_row(row, 'accuracy'):.2f}",
            "" if name == "plain" else f"{Interval.of_row(row, 'gain'):+.2f}",
            quantity(row[cost]),
            quantity(row.get(f"extra_{cost}", math.nan), signed=True),
        ]
        is_last_above = bool(lower) and len(rows) == len(numbered) - len(lower) - 1
        rows.append(Row(cells=cells, is_bold=row["n"] > 0, ends_section=is_last_above))
    notes = [
        _PLACEMENT,
        Note(text=f"accuracy, gain: {_ESTIMATE}; bold: trained; (in parentheses): the name of a baseline"),
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


def effects_table(effects: pd.DataFrame, *, kind: str, title: str) -> FittedTable:
    """Return the effects of one kind for a terminal; those whose sign is known with 95 % probability are marked.

    Times are left out where most are not known.
    """
    shown = effects[effects["kind"] == kind]
    has_times = bool(shown["extra_latency_ms"].notna().mean() >= _MOST)
    columns = [
        Column(heading="stage", is_text=True),
        Column(heading=kind, is_text=True),
        Column(heading="effect in points"),
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
                f"{Interval.of_row(row, 'effect'):+.2f}",
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
        *[Note(text="● and bold: its sign is known at 95 %")] * any(row.is_bold for row in rows),
    ]
    return FittedTable(columns=columns, rows=rows, title=title, notes=notes, is_long=True)


def _is_sure(positive: float) -> bool:
    return max(positive, 1 - positive) >= _SURE


def _milliseconds(extra: float) -> str:
    return "" if math.isnan(extra) else f"{extra:+z.3f}"


def proxies_table(proxies: pd.DataFrame, *, title: str) -> FittedTable:
    """Return what the score of each proxy of a study is worth, for a terminal."""
    columns = [
        Column(heading="proxy", is_text=True),
        Column(heading="points per sd"),
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
                f"{Interval.of_row(row, 'effect'):+.2f}",
                "" if math.isnan(row["p_positive"]) else f"{100 * row['p_positive']:.0f} %",
                "" if math.isnan(row["fit"]) else f"{row['fit']:.2f}",
                str(row["scored"]),
                f"{row['seconds'] + row['shared_seconds']:.1f}",
                row["verdict"],
            ]
        )
        for row in proxies.to_dict("records")
    ]
    note = Note(text=f"points per sd: accuracy for one standard deviation of the score, {_ESTIMATE}")
    return FittedTable(columns=columns, rows=rows, title=title, notes=[note])


def noise_table(noise: pd.DataFrame, *, title: str) -> FittedTable:
    """Return a noise report: one row for each quantity, accuracy and cross-entropy side by side."""
    size = f"{noise['placements'].iloc[0]} placements x {noise['seeds'].iloc[0]} seeds, 90 % intervals"
    columns = [
        Column(heading="quantity", is_text=True),
        Column(heading="accuracy in points"),
        Column(heading="cross-entropy in 0.01 nats"),
    ]
    rows = []
    for quantity_name, values in noise.groupby("quantity", sort=False):
        by_score = {row["score"]: row for row in values.to_dict("records")}
        if "both" in by_score:
            cells = [f"{by_score['both']['value']:.2f}", ""]
        else:
            cells = [f"{Interval.of_row(by_score[score], 'value'):.2f}" for score in ("accuracy", "cross_entropy")]
        rows.append(Row(cells=[str(quantity_name), *cells]))
    return FittedTable(columns=columns, rows=rows, title=f"{title}: {size}")


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> FittedTable:
    """Return a table with text in the first column and numbers in the others."""
    columns = [Column(heading=heading, is_text=at == 0) for at, heading in enumerate(headings)]
    return FittedTable(columns=columns, rows=[Row(cells=row) for row in rows], title=title)
