"""What a notebook shows of results and of tables, as HTML in which every name is text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from seplace.files.plain_text import printable
from seplace.placement import Placement
from seplace.report.figures import KINDS
from seplace.report.fitted import FittedTable
from seplace.report.terminal import front_table, recommended_table
from seplace.results.verdict import counted
from seplace.stage_strip import stage_strip

if TYPE_CHECKING:
    from seplace.report.study_views import StudyViews

_MUTED = "opacity:0.75;font-size:0.92em"
_MOST_ROWS = 40


def text_html(text: str) -> str:
    """Return a text as HTML, with line breaks."""
    return html.escape(printable(text)).replace("\n", "<br>")


def table_html(table: FittedTable) -> str:
    """Return a table with its title above and its notes below; a placement is a strip of stages above its text."""
    shown = [at for at, _ in enumerate(table.columns) if any(row.cells[at] for row in table.rows)]
    lines = ['<table style="font-size:0.88em;border-collapse:collapse">', "<thead><tr>"]
    for at in shown:
        align = "left" if table.columns[at].is_text else "right"
        lines.append(f'<th style="text-align:{align};padding:2px 6px">{text_html(table.columns[at].heading)}</th>')
    lines.append("</tr></thead><tbody>")
    for row in table.rows[:_MOST_ROWS]:
        line = "border-bottom:1.5px solid #999" if row.ends_section else ""
        lines.append(f'<tr style="{line}">')
        for at in shown:
            column = table.columns[at]
            cell = _placement(row.cells[at]) if column.heading == "placement" else _cell(row.cells[at])
            weight = "font-weight:bold;" if row.is_bold and column.heading != "placement" else ""
            align = "left" if column.is_text else "right"
            lines.append(f'<td style="text-align:{align};padding:2px 6px;white-space:nowrap;{weight}">{cell}</td>')
        lines.append("</tr>")
    lines.append("</tbody></table>")
    notes = [note.text for note in table.notes]
    if len(table.rows) > _MOST_ROWS:
        notes.insert(0, f"{len(table.rows) - _MOST_ROWS:,} more rows are not shown")
    title = f'<div style="font-weight:bold">{text_html(table.title)}</div>' if table.title else ""
    below = "".join(f"<div>{text_html(note)}</div>" for note in notes)
    rows = "".join(lines)
    return f'<div>{title}<div style="overflow-x:auto">{rows}</div><div style="{_MUTED}">{below}</div></div>'


def results_html(results: StudyViews) -> str:
    """Return the name, the state, the advice, the verdict and the front of a study."""
    state = "finished" if results.finished else "not finished"
    done = f"{counted(results.count - len(results.failed), 'training')}, {len(results.failed)} failed; {state}"
    advice = results.advice
    steps = "".join(f"<div><code>{text_html(line)}</code></div>" for line in advice.lines[1:])
    kinds = ", ".join(f"<code>{kind}</code>" for kind in KINDS)
    return (
        f'<div><div><b>{text_html(results.config.name)}</b> <span style="{_MUTED}">{done}, in '
        f"<code>{text_html(str(results.folder))}</code></span></div>"
        f'<div style="margin:4px 0;padding:4px 8px;border-left:4px solid #1f5fa8">'
        f"{text_html(advice.sentence)}{steps}</div>"
        f'<div style="margin:4px 0">{text_html(results.verdict)}</div>{front_html(results)}'
        f'<div style="{_MUTED}"><code>.plot(kind=…)</code> draws {kinds}; <code>.recommended</code>, '
        "<code>.placements</code>, <code>.effects</code>, <code>.evaluations</code> and <code>.curves</code> are "
        "DataFrames; <code>.export()</code> writes a network.</div></div>"
    )


def front_html(results: StudyViews) -> str:
    """Return the front of a study, and below a line the baselines that are not on it."""
    if results.front.empty:
        return "<div>no training is complete yet</div>"
    has_test = not results.test_note
    table = front_table(
        results.front,
        results.metric,
        cost=results.cost,
        title="",
        has_test=has_test,
        has_test_images=results.has_test_images,
    )
    return table_html(table)


def recommended_html(results: StudyViews) -> str:
    """Return the recommended front of a study."""
    names = {str(placement): name for name, placement in results.baselines.items()}
    return table_html(
        recommended_table(results.recommended, results.metric, cost=results.cost, title="", baselines=names)
    )


def _placement(text: str) -> str:
    """Return a placement as a strip; any other text is returned as text."""
    stages, _, variant = text.partition("@")
    try:
        choices = [str(choice) for choice in Placement.parse(text).choices]
    except ValueError:
        choices = stages.split("-")
    return stage_strip(choices, variant=variant)


def _cell(text: str) -> str:
    """Return a cell, its interval smaller."""
    found = re.fullmatch(r"(\S+) (\[.*\]|± .*)", text)
    if found is None:
        return text_html(text)
    return f'{text_html(found[1])} <div style="{_MUTED}">{text_html(found[2])}</div>'
