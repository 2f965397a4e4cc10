"""Tables that fit their console, in which no number is ever cut.

The first layout that fits is taken, in this order: with lines between columns; without these; with long
names folded between their parts; with the bounds of intervals below their values; without spare columns, the most
dispensable first; and one record after the other. A long table leaves out spare columns before it folds intervals. A
pipe has no width: it gets all columns, without lines between them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from seplace.files.plain_text import printable
from seplace.report.console import is_pipe

_COMFORTABLE = 28
"""The width to which text is folded rather than that a column is left out."""
_TIGHT = 16
"""The width to which text is folded rather than that a table becomes a list of records."""
_WORDS = re.compile(r"\s*\S+|\s+")
_STAGES = re.compile(r"\s*@?[^\s@-]+-*|\s+|.")
"""The parts of a placement between which it is folded: its stages, and its backbone."""
_SMALL_PARTS = re.compile(r"[^.:,_\[(]*[.:,_\[(]|.+")
"""Where no such part fits: the parts of an import path, or of options."""


_ENDLESS = 10_000
_LINED = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
"""Lines below the headings and between sections, and none between columns."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: text to the left, or numbers to the right; one without any cell is left out."""

    heading: str
    is_text: bool = False
    spare: int = 0
    """Whether a narrow terminal leaves it out: 1 before 2, and 0 never."""
    narrow_heading: str = ""
    """The heading in a narrow terminal; by default broken at its last space."""
    is_below: bool = False
    """Whether a narrow terminal shows it below the column before."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table, one cell for each column; what bold means is marked in a cell as well."""

    cells: Sequence[str]
    is_bold: bool = False
    ends_section: bool = False


@dataclass(frozen=True, kw_only=True)
class Note:
    """A line below a table, shown with any of the columns that it explains."""

    text: str
    explains: Sequence[str] = ()
    """The headings of these columns; by default it is about the table."""
    named: Sequence[str] = ()
    """What the line calls each of them, if it begins with those that are shown."""

    def line(self, shown: Collection[str]) -> str:
        """Return the line below a table that shows columns with some headings; empty where it explains none of them."""
        if not self.explains:
            return self.text
        names = [name for heading, name in zip(self.explains, self.named, strict=False) if heading in shown]
        return f"{', '.join(names)}{': ' * bool(names)}{self.text}" if set(self.explains) & set(shown) else ""


@dataclass(frozen=True, kw_only=True)
class FittedTable:
    """A table that is laid out for the width of the console that it is printed on."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str = ""
    notes: Sequence[Note] = ()
    is_long: bool = False
    """Whether a narrow terminal leaves out spare columns rather than that it takes two lines for a row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        kept = [at for at in range(len(self.columns)) if not self.rows or any(row.cells[at] for row in self.rows)]
        columns = [self.columns[at] for at in kept]
        cells = [[" ".join(printable(row.cells[at]).split("\n")) for at in kept] for row in self.rows]
        grid = _Grid(columns=columns, cells=cells, rows=self.rows, is_long=self.is_long)
        hidden: list[str] = []
        lines: Table | list[Text]
        if is_pipe(console):
            lines = grid.table(None, has_bounds_below=grid.one_line_width > options.max_width)
        else:
            lines, hidden = grid.fitted(options.max_width)
        shown = {column.heading for column in columns} - set(hidden)
        legend = [line for note in self.notes if (line := note.line(shown))]
        if hidden:
            legend.append(f"a wider terminal also shows {', '.join(hidden)}")
        yield from _lines([self.title] if self.title else [], console, options, style="bold")
        if isinstance(lines, Table):
            yield from _stripped(console.render_lines(lines, options.update(width=_ENDLESS), pad=False))
        else:
            yield from lines
        yield from _lines(legend, console, options, style="dim")


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The columns and cells of a table, as they are laid out."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[str]]
    rows: Sequence[Row]
    is_long: bool

    @property
    def one_line_width(self) -> int:
        """The width with a line for each row, and no lines between columns."""
        return sum(self._widths([_narrow_heading(column) for column in self.columns])) + 2 * (len(self.columns) - 1)

    def fitted(self, width: int) -> tuple[Table | list[Text], list[str]]:
        """Return the first layout that fits a width, and the headings that it leaves out."""
        if self._boxed_width <= width:
            return self._boxed(), []
        if self.one_line_width <= width:
            return self.table(None), []
        for level, has_bounds_below, floor in self._levels():
            shown = [at for at, column in enumerate(self.columns) if not 0 < column.spare <= level]
            widths = self._folded_widths(shown, width, has_bounds_below=has_bounds_below, floor=floor)
            if widths is not None:
                hidden = [column.heading for at, column in enumerate(self.columns) if at not in shown]
                return self.table(widths, has_bounds_below=has_bounds_below), hidden
        return self._records(width), []

    def _levels(self) -> list[tuple[int, bool, int]]:
        """Return the layouts to try in their order: level of spare columns, whether bounds are below, width of text."""
        levels = [0, *sorted({column.spare for column in self.columns if column.spare})]
        if self.is_long:
            tried = [(level, below, _COMFORTABLE) for below in (False, True) for level in levels]
        else:
            tried = [(level, below, _COMFORTABLE) for level in levels for below in (False, True)]
        return [*tried, (levels[-1], True, _TIGHT)]

    def table(self, widths: dict[int, int] | None, *, has_bounds_below: bool = False) -> Table:
        """Return a table without lines between columns: with text folded to the `widths` of the shown columns.

        Without `widths` all columns are shown, and nothing is folded but bounds below their values.
        """
        own = list(range(len(self.columns))) if widths is None else list(widths)
        table = Table(header_style="bold", box=_LINED, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        for at in own:
            column = self.columns[at]
            table.add_column(Text(_narrow_heading(column)), justify="left" if column.is_text else "right", no_wrap=True)
        for cells, row in zip(self.cells, self.rows, strict=True):
            if widths is None:
                shown = [_bounds_below(cells[at]) if has_bounds_below else cells[at] for at in own]
            else:
                shown = self._folded_row(cells, widths, has_bounds_below=has_bounds_below)
            table.add_row(*map(Text, shown), style="bold" if row.is_bold else "", end_section=row.ends_section)
        return table

    def _folded_row(self, cells: Sequence[str], widths: dict[int, int], *, has_bounds_below: bool) -> list[str]:
        """Return the cells of the columns that have `widths`, those that are below another in its cell."""
        made = []
        for at, width in widths.items():
            column = self.columns[at]
            lines = folded(cells[at], width, is_name=True) if column.is_text else [cells[at]]
            if has_bounds_below and not column.is_text:
                lines = [_bounds_below(cells[at])]
            for below in range(at + 1, len(self.columns)):
                if not self.columns[below].is_below:
                    break
                lines += folded(cells[below], width, is_name=True) if cells[below] else []
            made.append("\n".join(lines))
        return made

    @property
    def _boxed_width(self) -> int:
        return sum(self._widths([column.heading for column in self.columns])) + 3 * len(self.columns) + 1

    def _boxed(self) -> Table:
        table = Table(header_style="bold", box=box.HEAVY_HEAD)
        for column in self.columns:
            table.add_column(Text(column.heading), justify="left" if column.is_text else "right", no_wrap=True)
        for cells, row in zip(self.cells, self.rows, strict=True):
            table.add_row(*map(Text, cells), style="bold" if row.is_bold else "", end_section=row.ends_section)
        return table

    def _widths(self, headings: Sequence[str]) -> list[int]:
        """Return the widths of the columns whose cells have one line."""
        return [_width([heading, *(cells[at] for cells in self.cells)]) for at, heading in enumerate(headings)]

    def _folded_widths(
        self, shown: Sequence[int], width: int, *, has_bounds_below: bool, floor: int
    ) -> dict[int, int] | None:
        """Return the widths of columns, those of text as wide as there is room; None where they do not fit."""
        own = [at for at in shown if not self.columns[at].is_below]
        rows = [
            self._folded_row(cells, dict.fromkeys(own, _ENDLESS), has_bounds_below=has_bounds_below)
            for cells in self.cells
        ]
        widths, least = {}, {}
        for place, at in enumerate(own):
            heading = _narrow_heading(self.columns[at])
            widths[at] = _width([heading, *(cells[place] for cells in rows)])
            least[at] = min(widths[at], max(floor, _width([heading]))) if self.columns[at].is_text else widths[at]
        room = width - 2 * (len(own) - 1)
        if sum(least.values()) > room:
            return None
        while sum(widths.values()) > room:
            widest = max((at for at in own if widths[at] > least[at]), key=widths.__getitem__)
            widths[widest] -= min(widths[widest] - least[widest], sum(widths.values()) - room)
        return widths

    def _records(self, width: int) -> list[Text]:
        """Return the rows as records: the first cell, and below it each heading with its cell."""
        lines: list[Text] = []
        for cells, row in zip(self.cells, self.rows, strict=True):
            first, *others = zip(self.columns, cells, strict=True)
            lines += [Text(line, style="bold") for line in folded(first[1], width, is_name=True)]
            line = ""
            for column, cell in others:
                entry = f"{column.heading} {cell}"
                if not cell:
                    continue
                if line and cell_len(line) + 2 + cell_len(entry) > width - 2:
                    lines.append(Text(f"  {line}"))
                    line = ""
                pieces = folded(entry, width - 2, is_name=column.is_text)
                lines += [Text(f"  {piece}") for piece in pieces[:-1]]
                line = f"{line}  {pieces[-1]}" if line else pieces[-1]
            lines += [Text(f"  {line}")] * bool(line)
            lines += [Text("")] * row.ends_section
        return lines


def folded(text: str, width: int, *, is_name: bool = False) -> list[str]:
    """Return a text in lines of at most `width`: broken between words, and a name between the stages of a placement.

    Inside of these it is broken only where one alone is longer than a line.
    """
    lines = [""]
    for piece in _pieces(text, width, is_name=is_name):
        if lines[-1] and cell_len(lines[-1]) + cell_len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def hung(text: str, width: int, *, indent: int) -> list[str]:
    """Return the lines of a text folded between words; what is folded goes on `indent` columns to the right."""
    lines = []
    for line in text.split("\n"):
        begin = " " * (len(line) - len(line.lstrip()))
        room = max(width - len(begin) - indent, _TIGHT)
        first, *others = folded(line.lstrip(), max(width - len(begin), _TIGHT))
        rest = folded(line.lstrip()[len(first) :].lstrip(), room) if others else []
        lines += [begin + first, *(f"{begin}{' ' * indent}{each}" for each in rest)]
    return lines


def _pieces(text: str, width: int, *, is_name: bool) -> Iterator[str]:
    for word in (_STAGES if is_name else _WORDS).findall(text):
        for part in [word] if is_name or cell_len(word) <= width else _STAGES.findall(word):
            for small in [part] if cell_len(part) <= width else _SMALL_PARTS.findall(part):
                yield from chop_cells(small, width)


def _bounds_below(cell: str) -> str:
    return cell.replace(" [", "\n[").replace(" ± ", "\n± ")


def _narrow_heading(column: Column) -> str:
    return column.narrow_heading or "\n".join(column.heading.rsplit(" ", 1))


def _width(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


def _lines(texts: Iterable[str], console: Console, options: ConsoleOptions, *, style: str) -> Iterator[Text]:
    """Yield lines of text; in a pipe they are not folded."""
    for text in texts:
        lines = [text] if is_pipe(console) else folded(printable(text), options.max_width)
        yield from (Text(line, style=style, no_wrap=True, overflow="ignore") for line in lines)


def _stripped(lines: Iterable[Sequence[Segment]]) -> Iterator[Segment]:
    """Yield the segments of lines without the blanks at their ends."""
    for line in lines:
        kept = list(line)
        while kept and not kept[-1].text.strip() and not kept[-1].control:
            kept.pop()
        if kept:
            kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())
        yield from kept
        yield Segment.line()
