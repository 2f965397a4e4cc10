"""The command that compares two studies on the same candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import Format, FormatOption, JsonOption, ResultsArgument, format_of
from seplace.cli.printing import show, show_data, show_sentences


def compare(
    results: ResultsArgument,
    other: Annotated[
        Path,
        typer.Argument(
            help="Folder of the results of the other study, on the same stages and choices.",
            autocompletion=completion.results_folders,
        ),
    ],
    output_format: FormatOption = Format.table,
    as_json: JsonOption = False,
    plot: Annotated[Path | None, typer.Option(help="Also write a figure (.png, .svg or .pdf).")] = None,
) -> None:
    """Compare two studies: whether the placement that wins in one wins in the other."""
    from seplace.api import Results
    from seplace.report.comparison_table import comparison_table

    output_format = format_of(output_format, as_json=as_json)
    if plot is not None:
        from seplace.report.figures.saving import refuse_unwritable

        refuse_unwritable(plot)
    comparison = Results.load(results).compare_with(Results.load(other))
    if not show_data(comparison.table, output_format, metric=comparison.metric):
        for sentence in comparison.sentences:
            show_sentences(sentence)
        show("")
        show(comparison_table(comparison))
    if plot is not None:
        from seplace.report.figures.comparison import plot_comparison
        from seplace.report.figures.saving import save_figure

        save_figure(plot_comparison(comparison), plot)
