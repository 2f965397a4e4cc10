"""The command that prints the placements that a study lists as an ablation table."""

from __future__ import annotations

from typing import Annotated

import typer

from seplace.cli.options import Format, FormatOption, ResultsArgument
from seplace.cli.printing import show, show_data


def ablation(
    results: ResultsArgument,
    placements: Annotated[
        list[str] | None,
        typer.Argument(
            help="Placements to compare, such as none-none-se4, or one choice for all stages, such as se4. Default: "
            "those that the study lists, beside published ones.",
            show_default=False,
        ),
    ] = None,
    output_format: FormatOption = Format.table,
) -> None:
    """Print placements of a study as an ablation table: those that it lists, or some."""
    from seplace.api import Results

    study = Results.load(results)
    table = study.compare(*placements) if placements else study.ablation
    if show_data(table, output_format, metric=study.metric):
        return
    from seplace.report.ablation_table import ablation_table

    show(ablation_table(table, study.metric, name=study.config.name, data=study.config.data_name))
