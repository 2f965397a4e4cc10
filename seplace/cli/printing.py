"""The output that several commands share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from seplace.cli.options import Format
from seplace.files.plain_text import printable

if TYPE_CHECKING:
    import pandas as pd

    from seplace.api import Results


def show(content: object) -> None:
    """Print a text or a table."""
    from seplace.report.console import OutsideConsole

    # A pipe has no width: 200 columns keep rows on one line.
    console = OutsideConsole(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(content, markup=False, soft_wrap=isinstance(content, str))


def show_sentences(text: str) -> None:
    """Print sentences, folded between words to the width of a terminal; in a pipe they stay on one line."""
    from rich.text import Text

    show(Text(text) if sys.stdout.isatty() else text)


def complain(text: str) -> None:
    """Print a line on the error stream."""
    typer.echo(printable(text), err=True)


def show_data(table: pd.DataFrame, output: Format) -> bool:
    """Print a table as JSON or CSV if the output format says so; return whether it did."""
    from seplace.results.tables import to_csv

    if output is Format.json:
        typer.echo(table.to_json(orient="records", indent=1))
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
        has_test = not study.test_note
        about = study.measured if has_test else f"{study.measured}; no test split"
        title = f"{study.config.name}: front, and below the line the baselines that are not on it ({about})"
        has_images = study.has_test_images
        table = front_table(study.front, cost=study.cost, title=title, has_test=has_test, has_test_images=has_images)
        show(table)
        if study.test_check:
            show_sentences(study.test_check)
