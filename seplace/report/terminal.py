"""The tables of a study, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Row
from seplace.report.numbers import plus_minus, quantity

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.95

_LEGEND = (
    "placement: one choice per stage, each a module, its reduction ratio and its .attachment; none: no attention\n"
    "accuracy and gain: posterior mean [90 % credible interval]"
)
_TEST_LEGEND = (
    "test % and test gain (vs plain): of the placement, as the estimates: mean over tested seeds ± standard error over "
    "seeds and new images"
)
_WITHOUT_IMAGES = ", over seeds alone where it is not known which test images were right"


def front_table(
    front: pd.DataFrame, *, cost: str, title: str, has_test: bool = True, has_test_images: bool = True
) -> FittedTable:
    """Return the front, and below a line the baselines that are not on it, for a terminal.

    Front points have a dot. P(non-dominated) is the probability that no other candidate dominates a placement. Without
    `has_test_images` it is not known of every tested training which test images were right.
    """
    columns = [
        Column(heading="placement", is_text=True),
        Column(heading="baseline", is_text=True, is_below=True),
        Column(heading="front"),
        Column(heading="P(non-dominated)", narrow_heading="P(non-\ndominated)"),
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
            row["baseline"],
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
    legend = f"{_LEGEND}; gain vs baseline: over the best baseline that costs no more"
    if has_test:
        legend += f"\n{_TEST_LEGEND}{'' if has_test_images else _WITHOUT_IMAGES}"
    return FittedTable(columns=columns, rows=rows, title=title, legend=legend)


def _test_cells(row: dict[Hashable, Any]) -> list[str]:
    gain = "" if row["baseline"] == "plain" else plus_minus(row["test_gain"], row["test_gain_se"], signed=True)
    return [plus_minus(row["test_accuracy"], row["test_accuracy_se"]), gain]


def recommended_table(recommended: pd.DataFrame, *, cost: str, title: str) -> FittedTable:
    """Return the recommended placements for a terminal; those that were trained are bold."""
    columns = [
        Column(heading="placement", is_text=True),
        Column(heading="seeds"),
        Column(heading="accuracy %"),
        Column(heading="gain vs plain"),
        Column(heading=cost, spare=1),
        Column(heading=f"extra {cost}"),
    ]
    rows = [
        Row(
            cells=[
                row["placement"],
                str(row["n"]),
                f"{Interval.of_row(row, 'accuracy'):.2f}",
                f"{Interval.of_row(row, 'gain'):+.2f}",
                quantity(row[cost]),
                quantity(row.get(f"extra_{cost}", math.nan), signed=True),
            ],
            is_bold=row["n"] > 0,
        )
        for row in recommended.to_dict("records")
    ]
    return FittedTable(columns=columns, rows=rows, title=title, legend=f"{_LEGEND}; bold: trained")


def effects_table(effects: pd.DataFrame, *, kind: str, title: str) -> FittedTable:
    """Return the effects of one kind for a terminal; those whose sign is known with 95 % probability are bold."""
    columns = [
        Column(heading="stage", is_text=True),
        Column(heading=kind, is_text=True),
        Column(heading="effect in points"),
        Column(heading="P(effect > 0)"),
        Column(heading="trainings"),
        Column(heading="extra flops"),
        Column(heading="extra params"),
        Column(heading="extra ms"),
    ]
    rows = [
        Row(
            cells=[
                str(row["stage"] or "all"),
                row["name"],
                f"{Interval.of_row(row, 'effect'):+.2f}",
                f"{100 * row['p_positive']:.0f} %",
                f"{row['trainings']:.0f}",
                quantity(row.get("extra_flops", math.nan), signed=True),
                quantity(row.get("extra_params", math.nan), signed=True),
                "" if math.isnan(row["extra_latency_ms"]) else f"{row['extra_latency_ms']:+.3f}",
            ],
            is_bold=max(row["p_positive"], 1 - row["p_positive"]) >= _SURE,
        )
        for row in effects[effects["kind"] == kind].to_dict("records")
    ]
    legend = "effect: over no attention in the stage, posterior mean [90 % credible interval]; bold: sign known at 95 %"
    return FittedTable(columns=columns, rows=rows, title=title, legend=legend)


def proxies_table(proxies: pd.DataFrame, *, title: str) -> FittedTable:
    """Return what the score of each proxy of a study is worth, for a terminal."""
    columns = [
        Column(heading="proxy", is_text=True),
        Column(heading="points per sd"),
        Column(heading="P(effect > 0)"),
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
    legend = "points per sd: accuracy for one standard deviation of the score, posterior mean [90 % credible interval]"
    return FittedTable(columns=columns, rows=rows, title=title, legend=legend)


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


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> Table:
    """Return a table with text in the first column and numbers in the others."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
