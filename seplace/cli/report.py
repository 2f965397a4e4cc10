"""The command that writes all that is shown of a study as one page: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli.options import ResultsArgument
from seplace.cli.printing import show


def report(
    results: ResultsArgument,
    output: Annotated[Path | None, typer.Option(help="Page to write. Default: report.html in RESULTS.")] = None,
) -> None:
    """Write one HTML page with verdict, front, effects, tables, data and recipe; it opens without a network."""
    from seplace.api import Results

    show(f"wrote {Results.load(results).report(output)}")
