"""The command that shows what the gates of a trained network learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import Accelerator, AcceleratorOption, Format, FormatOption, JsonOption, format_of
from seplace.cli.printing import show, show_data, show_sentences
from seplace.errors import InputError
from seplace.user_modules import import_from


def gates(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS|EXPORT",
            help="Folder of results, or of an export.",
            show_default=False,
            autocompletion=completion.results_folders,
        ),
    ],
    pick: Annotated[
        str, typer.Option(help="Network of RESULTS: best, knee or cheapest of the front, or a placement.")
    ] = "knee",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of images for an EXPORT, with a folder for each class. RESULTS have their own."),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Most images to measure over.")] = 2000,
    channels: Annotated[
        bool, typer.Option("--channels", help="With --format: one row for each class and channel, not for each gate.")
    ] = False,
    output: FormatOption = Format.table,
    as_json: JsonOption = False,
    plot: Annotated[Path | None, typer.Option(help="Also write a figure (.png, .svg or .pdf).")] = None,
    accelerator: AcceleratorOption = Accelerator.auto,
) -> None:
    """Show what the gates of a trained network learned: their values by stage and class, dead and saturated ones."""
    from seplace.api import Results
    from seplace.exporters.export_gates import gates_of_export
    from seplace.exporters.opened import is_export
    from seplace.gates.conclusions import conclusions
    from seplace.report.gate_tables import gates_table
    from seplace.training.devices import resolve_device

    output = format_of(output, as_json=as_json)
    import_from(Path())
    if is_export(folder):
        if data is None:
            raise InputError(f"{folder}: an export has no images; add --data FOLDER, with a folder for each class")
        record = gates_of_export(folder, data=data, most_images=images, device=resolve_device(accelerator, 0))
    elif data is not None:
        raise InputError("--data is for an export; results are measured over their validation images")
    else:
        record = Results.load(folder).gates(pick, most_images=images, accelerator=accelerator.value)
    if plot is not None:
        from seplace.report.figures.gates import plot_gates
        from seplace.report.figures.saving import save_figure

        save_figure(plot_gates(record), plot)
    if output is not Format.table:
        show_data(record.channels if channels else record.sites, output)
        return
    if record.gates:
        show(gates_table(record))
    for sentence in conclusions(record):
        show_sentences(sentence)
    if not record.gates and not is_export(folder):
        show_sentences("Name one that has: --pick PLACEMENT. `seplace front` and `seplace recommend` list them.")
