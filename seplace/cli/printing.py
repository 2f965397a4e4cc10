"""The output that several commands share."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import typer

from seplace.cli.options import Format
from seplace.files.plain_text import printable
from seplace.metric import ACCURACY

if TYPE_CHECKING:
    import pandas as pd

    from seplace.api import Results
    from seplace.metric import Metric
    from seplace.results.advice import Advice


_HANG = 2
"""The columns by which the folded lines of a complaint are indented."""


def show(content: object) -> None:
    """Print a table, or a text whose lines are not broken, so that they can be copied."""
    from seplace.report.console import output_console

    output_console().print(content, markup=False, crop=False, soft_wrap=isinstance(content, str))


def show_sentences(text: str, *, indent: int = 0, style: str = "") -> None:
    """Print a text, its lines folded between words to the width of a terminal; in a pipe they stay as they are.

    A folded line goes on `indent` columns to the right of its begin.
    """
    from seplace.report.console import is_pipe, output_console
    from seplace.report.fitted import hung

    console = output_console()
    lines = text if is_pipe(console) else "\n".join(hung(printable(text), console.width, indent=indent))
    console.print(lines, style=style, markup=False, crop=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print a text on the error stream, above a live view if there is one.

    In a terminal its lines are folded between words, but for those that are indented, as commands are, or have a word
    that would be broken, such as a long path.
    """
    lines = printable(text).split("\n")
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [each for line in lines for each in _folded_if_words_fit(line, width)]
    print("\n".join(lines), file=sys.stderr)


def _folded_if_words_fit(line: str, width: int) -> list[str]:
    if len(line) <= width or line.startswith(" ") or max(map(len, line.split())) > width - _HANG:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * _HANG, break_long_words=False, break_on_hyphens=False)


def show_data(table: pd.DataFrame, output: Format, *, metric: Metric = ACCURACY) -> bool:
    """Print a table, of a metric, as JSON or CSV if the output format says so; return whether it did."""
    from seplace.results.tables import to_csv, to_json

    if output is Format.json:
        typer.echo(to_json(table, metric))
    elif output is Format.csv:
        typer.echo(to_csv(table), nl=False)
    if output is not Format.table and table.empty:
        complain("no training is complete yet")
    return output is not Format.table


def show_front(study: Results) -> None:
    """Print the verdict, the front, and the baselines that are not on it."""
    from seplace.report.terminal import front_table

    for sentences in (study.verdict, study.outlook, study.rungs_note):
        if sentences:
            show_sentences(sentences)
    if len(study.front):
        show("")
        has_test = not study.test_note
        about = study.measured if has_test else f"{study.measured}; no test split"
        beside = "" if study.front["on_front"].all() else ", and below the line the baselines that are not on it"
        title = f"{study.config.name}: front{beside} ({about})"
        has_images = study.has_test_images
        table = front_table(
            study.front, study.metric, cost=study.cost, title=title, has_test=has_test, has_test_images=has_images
        )
        show(table)
        if study.test_check:
            show_sentences(study.test_check)


def show_outcome(study: Results) -> None:
    """Print how a run has ended: the front, where everything is, what to make of it, and what to do next."""
    from seplace.results.verdict import counted

    show_front(study)
    show("")
    if failed := len(study.failed):
        why = f"seplace status {shlex.quote(str(study.folder))} says why, and what can be done"
        show_sentences(f"{counted(failed, 'training')} failed: {why}")
    if study.confirm_note:
        show_sentences(study.confirm_note)
    show_sentences(f"tables and figures: {study.folder}")
    if (page := study.folder / "report.html").is_file():
        show_sentences(f"all of it as one page, for a browser: {page}")
    show("")
    show_advice(study.advice)


def show_advice(advice: Advice) -> None:
    """Print an advice: its sentence, and the next steps with commands that can be copied, each on one line."""
    show_sentences(advice.sentence, style="bold")
    for step in advice.next:
        show_sentences(f"{step.what[0].upper()}{step.what[1:]}{':' if step.command else ''}")
        if step.command:
            show(f"  {step.command}")
