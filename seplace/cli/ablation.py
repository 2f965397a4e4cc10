"""The command that prints the placements that a study lists as an ablation table."""

from __future__ import annotations

from seplace.cli.options import Format, FormatOption, ResultsArgument
from seplace.cli.printing import show, show_data


def ablation(results: ResultsArgument, output_format: FormatOption = Format.table) -> None:
    """Print the placements that a study lists as an ablation table, beside published ones."""
    from seplace.api import Results

    study = Results.load(results)
    table = study.ablation
    if show_data(table, output_format):
        return
    from seplace.report.ablation_table import ablation_table

    show(ablation_table(table, name=study.config.name, data=study.config.data.name))
