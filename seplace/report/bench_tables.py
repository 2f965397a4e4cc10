"""Tables of the architecture benchmark, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from seplace.interval import Interval
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.numbers import quantity

_HEADINGS = {"params": "params", "macs": "MACs", "flops": "FLOPs"}
_MEMORY = {"peak_tensor_bytes": "live tensors", "peak_allocated_bytes": "CUDA allocator"}

_NAMES = (Column(heading="placement", is_text=True), Column(heading="(name)", is_text=True, is_below=True))


def counts_table(records: Sequence[dict[str, Any]]) -> FittedTable:
    """Return the exact counts of one image, each with its extra over the plain backbone."""
    columns = list(_NAMES)
    for heading in _HEADINGS.values():
        columns += [Column(heading=heading), Column(heading=f"extra {heading}", is_below=True)]
    rows = []
    for record in _with_names(records):
        if isinstance(record, str):
            rows.append(Row(cells=[record, *[""] * (len(columns) - 1)], is_bold=True))
            continue
        cells = _names_of(record)
        for column in _HEADINGS:
            cells += [quantity(record[column]), _percent(record[f"extra_{column}_percent"])]
        rows.append(Row(cells=cells))
    return FittedTable(columns=columns, rows=rows, title="Counts of one image, and the extra over the plain backbone")


def measured_table(records: Sequence[dict[str, Any]]) -> FittedTable:
    """Return memory and times: medians with their quartiles, and ratios to the plain backbone in a round."""
    first = records[0]
    memory = next(column for column in _MEMORY if column in first)
    batch = first["batch"]
    threads = f"{first['threads']} thread{'s' if first['threads'] > 1 else ''}"
    columns = [
        *_NAMES,
        Column(heading="latency ms of 1 image", narrow_heading="latency ms\n1 image"),
        Column(heading="latency ÷ plain", narrow_heading="latency\n÷ plain"),
        Column(heading=f"images/s of batch {batch}", narrow_heading=f"images/s\nbatch {batch}", spare=2),
        Column(heading="images/s ÷ plain", narrow_heading="images/s\n÷ plain"),
        Column(heading=f"peak memory of batch {batch}", narrow_heading=f"peak memory\nbatch {batch}", spare=1),
    ]
    rows = []
    for record in _with_names(records):
        if isinstance(record, str):
            rows.append(Row(cells=[record, *[""] * (len(columns) - 1)], is_bold=True))
            continue
        figures = ("latency_ms", "latency_ratio", "images_per_second", "throughput_ratio")
        cells = [
            *_names_of(record),
            *(_quartiles(record, column) for column in figures),
            f"{quantity(record[memory])}B",
        ]
        rows.append(Row(cells=cells))
    title = (
        f"Measured on {first['device']}, {threads}, torch {first['torch']}: "
        f"median and quartiles of n = {first['repeats']} interleaved rounds"
    )
    return FittedTable(
        columns=columns,
        rows=rows,
        title=title,
        notes=[Note(text=f"peak memory: {_MEMORY[memory]}", explains=[columns[-1].heading])],
    )


def published_table(rows: Sequence[dict[str, Any]]) -> FittedTable:
    """Return the published figures of one source beside the computed ones; `published_notes` gives the reasons."""
    notes = _reasons(rows)
    equal = sum(not row["difference"] for row in rows)
    columns = [
        Column(heading="table", is_text=True),
        Column(heading="network", is_text=True),
        Column(heading="backbone and placement", is_text=True, narrow_heading="backbone and placement"),
        Column(heading="quantity", is_text=True),
        Column(heading="published"),
        Column(heading="computed"),
        Column(heading="difference"),
    ]
    lines = []
    for row in rows:
        cells = [row["table"], row["network"], f"{row['backbone']} {row['placement']}", _quantity_of(row)]
        verdict = "equal"
        if row["difference"]:
            verdict = f"{row['difference']:+g} [{1 + notes.index(row['verdict'])}]"
        lines.append(Row(cells=[*cells, row["published"], row["ours"], verdict]))
    title = f"{rows[0]['source']}: {equal} of {len(rows)} published figures come out to the last digit"
    return FittedTable(columns=columns, rows=lines, title=title)


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


def _with_names(records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any] | str]:
    """Yield the records, and before those of each backbone its name."""
    for (backbone, size), candidates in groupby(records, lambda record: (record["backbone"], record["image_size"])):
        yield f"{backbone}, {size}x{size}"
        yield from candidates


def _names_of(record: dict[str, Any]) -> list[str]:
    """Return a placement, and its name in parentheses where it has one."""
    name, placement = record["name"], record["placement"]
    return [placement, f"({name})" if name != placement else ""]


def _quartiles(record: dict[str, Any], column: str) -> str:
    """Return the median and the quartiles unless they are equal, as for the plain backbone over itself."""
    each = Interval.of_row(record, column)
    median, lower, upper = (_digits(value) for value in (each.value, each.lower, each.upper))
    return median if each.lower == each.upper else f"{median} [{lower}, {upper}]"


def _percent(value: float) -> str:
    """Return a signed percentage, empty for 0, and `<0.001 %` for less than a thousandth."""
    if value == 0:
        return ""
    return f"{value:+.3g} %" if abs(value) >= 0.001 else "<0.001 %"


def _digits(value: float) -> str:
    """Return a number with three digits, or as an integer from 100."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
