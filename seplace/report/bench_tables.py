"""Tables of the architecture benchmark, for a terminal; long cells are folded, never cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

from rich import box
from rich.table import Table

from seplace.interval import Interval
from seplace.report.numbers import quantity

_HEADINGS = {"params": "params", "macs": "MACs", "flops": "FLOPs"}
_MEMORY = {"peak_tensor_bytes": "live tensors", "peak_allocated_bytes": "CUDA allocator"}


def counts_table(records: Sequence[dict[str, Any]]) -> Table:
    """Return the exact counts of one image, each with its extra over the plain backbone."""
    table = _table(
        "Counts of one image, and the extra over the plain backbone",
        ("", *(heading for column in _HEADINGS for heading in (_HEADINGS[column], "extra"))),
    )
    for record in _with_sections(table, records):
        cells = [record["name"]]
        for column in _HEADINGS:
            extra = record[f"extra_{column}_percent"]
            cells += [quantity(record[column]), _percent(extra)]
        table.add_row(*cells)
    return table


def measured_table(records: Sequence[dict[str, Any]]) -> Table:
    """Return memory and times: medians with their quartiles below, and ratios to the plain backbone in a round."""
    first = records[0]
    memory = next(column for column in _MEMORY if column in first)
    batch = first["batch"]
    threads = f"{first['threads']} thread{'s' if first['threads'] > 1 else ''}"
    table = _table(
        f"Measured on {first['device']}, {threads}, torch {first['torch']}: "
        f"median and quartiles of n = {first['repeats']} interleaved rounds",
        (
            "",
            "latency ms\n1 image",
            "÷ plain",
            f"images/s\nbatch {batch}",
            "÷ plain",
            f"peak memory\nbatch {batch}\n{_MEMORY[memory]}",
        ),
    )
    for record in _with_sections(table, records):
        table.add_row(
            record["name"],
            _quartiles(record, "latency_ms"),
            _quartiles(record, "latency_ratio"),
            _quartiles(record, "images_per_second"),
            _quartiles(record, "throughput_ratio"),
            f"{quantity(record[memory])}B",
        )
    return table


def published_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the published figures of one source beside the computed ones; `published_notes` gives the reasons."""
    notes = _reasons(rows)
    equal = sum(not row["difference"] for row in rows)
    table = _table(
        f"{rows[0]['source']}: {equal} of {len(rows)} published figures come out to the last digit",
        ("table", "network", "backbone and placement", "quantity", "published", "computed", "difference"),
        texts=4,
        folded=(1, 2),
    )
    for row in rows:
        cells = [row["table"], row["network"], f"{row['backbone']} {row['placement']}", _quantity_of(row)]
        verdict = "equal"
        if row["difference"]:
            verdict = f"{row['difference']:+g} [{1 + notes.index(row['verdict'])}]"
        table.add_row(*cells, row["published"], row["ours"], verdict)
    return table


def published_notes(rows: Sequence[dict[str, Any]]) -> str:
    """Return the reasons of the differences of one source, numbered, and its conventions."""
    lines = [f"[{number}] {reason}" for number, reason in enumerate(_reasons(rows), start=1)]
    rules = dict.fromkeys((row["quantity"], row["convention"]) for row in rows)
    lines += [f"{quantity_name}: {rule}" for quantity_name, rule in rules]
    return "\n".join(lines)


def _reasons(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["verdict"] for row in rows if row["verdict"] != "equal"))


def _quantity_of(row: dict[str, Any]) -> str:
    """Return the quantity with its unit, unless it is a count."""
    return row["quantity"] if row["unit"] == "1" else f"{row['quantity']}, {row['unit']}"


def _table(title: str, headings: Sequence[str], *, texts: int = 1, folded: Sequence[int] = (0,)) -> Table:
    """Return a table with text in the first columns and numbers in the others; only folded ones take several lines."""
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for at, heading in enumerate(headings):
        justify: Literal["left", "right"] = "left" if at < texts else "right"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=at not in folded)
    return table


def _with_sections(table: Table, records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the records, after a line with the name of each backbone."""
    for (backbone, size), candidates in groupby(records, lambda record: (record["backbone"], record["image_size"])):
        table.add_section()
        table.add_row(f"{backbone}, {size}x{size}", style="bold")
        yield from candidates


def _quartiles(record: dict[str, Any], column: str) -> str:
    """Return the median, and below it the quartiles unless they are equal, as for the plain backbone over itself."""
    each = Interval.of_row(record, column)
    median, lower, upper = (_digits(value) for value in (each.value, each.lower, each.upper))
    return median if each.lower == each.upper else f"{median}\n{lower}–{upper}"


def _percent(value: float) -> str:
    """Return a signed percentage, empty for 0, and `<0.001 %` for less than a thousandth."""
    if value == 0:
        return ""
    return f"{value:+.3g} %" if abs(value) >= 0.001 else "<0.001 %"


def _digits(value: float) -> str:
    """Return a number with three digits, or as an integer from 100."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
