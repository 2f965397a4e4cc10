"""Tables that fit their terminal: wide if there is room, else with the bounds of intervals below their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table

_ENDLESS = 10_000


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: text to the left, or numbers to the right."""

    heading: str
    is_text: bool = False
    spare: int = 0
    """Whether a narrow terminal leaves it out: 1 before 2, and 0 never."""
    narrow_heading: str = ""
    """The heading in a narrow terminal; by default broken at its last space."""
    is_below: bool = False
    """Whether a narrow terminal shows it below the column before, whose cells have one line."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table, one cell for each column."""

    cells: Sequence[str]
    is_bold: bool = False
    ends_section: bool = False


@dataclass(frozen=True, kw_only=True)
class FittedTable:
    """A table that is laid out for the width of the console that it is printed on."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str
    legend: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        levels = sorted({column.spare for column in self.columns if column.spare})
        table = self._wide()
        for level in (None, 0, *levels):
            if level is not None:
                table = self._narrow([column for column in self.columns if not 0 < column.spare <= level])
            if Measurement.get(console, options.update(width=_ENDLESS), table).maximum <= options.max_width:
                break
        yield table

    def _wide(self) -> Table:
        table = self._empty(box.HEAVY_HEAD, legend=self.legend)
        for column in self.columns:
            table.add_column(column.heading, justify="left" if column.is_text else "right", no_wrap=True)
        for row in self.rows:
            self._add(table, row, row.cells)
        return table

    def _narrow(self, columns: Sequence[Column]) -> Table:
        hidden = [column.heading for column in self.columns if column not in columns]
        legend = f"{self.legend}\na wider terminal also shows {', '.join(hidden)}" if hidden else self.legend
        table = self._empty(box.SIMPLE_HEAD, legend=legend)
        for column in columns:
            heading = column.narrow_heading or "\n".join(column.heading.rsplit(" ", 1))
            if column.is_text and not column.is_below:
                table.add_column(heading, overflow="fold")
            elif not column.is_below:
                table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            cells: list[str] = []
            for column, cell in zip(self.columns, row.cells, strict=True):
                if column.is_below:
                    cells[-1] += f"\n{cell}" if cell else ""
                elif column in columns:
                    cells.append(cell.replace(" [", "\n[").replace(" ± ", "\n± "))
            self._add(table, row, cells)
        return table

    def _empty(self, kind: box.Box, *, legend: str) -> Table:
        table = Table(title=self.title, title_justify="left", header_style="bold", box=kind)
        table.caption, table.caption_justify = legend or None, "left"
        table.padding = (0, 1, 0, 0) if kind is box.SIMPLE_HEAD else (0, 1)
        return table

    @staticmethod
    def _add(table: Table, row: Row, cells: Sequence[str]) -> None:
        table.add_row(*cells, style="bold" if row.is_bold else "", end_section=row.ends_section)
