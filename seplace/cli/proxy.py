"""The command that checks the rank correlation of proxies: proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import (
    Accelerator,
    AcceleratorOption,
    Format,
    FormatOption,
    JsonOption,
    ResultsArgument,
    format_of,
)
from seplace.cli.printing import show, show_data
from seplace.errors import InputError
from seplace.user_modules import import_from


def proxy(
    results: ResultsArgument,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            help="Proxy: synflow, naswot, jacobian_covariance, gradient_norm, short_training, supernet, or an import "
            "path. Repeat the option for several. Default: those that train nothing.",
            autocompletion=completion.proxies,
        ),
    ] = None,
    placements: Annotated[
        int | None,
        typer.Option(min=5, help="Number of trained placements to score, drawn at random. Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scores, the sample and the intervals.")] = 0,
    images: Annotated[
        int | None, typer.Option(min=2, help="Number of training images that score an untrained network. Default: 64.")
    ] = None,
    paper_init: Annotated[
        bool,
        typer.Option(
            "--paper-init", help="Initialize the gates of untrained networks as in their papers, not as in the study."
        ),
    ] = False,
    paper_gates: Annotated[
        bool, typer.Option("--paper-gates", hidden=True, help="The former name of --paper-init.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of short_training. Default: a third of the study's.")
    ] = None,
    supernet_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of supernet. Default: the study's.")
    ] = None,
    recalibration_batches: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of training batches that recalibrate batch norm in a path of supernet. Default: 8."
        ),
    ] = None,
    accelerator: AcceleratorOption = Accelerator.auto,
    output_format: FormatOption = Format.table,
    as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option(help="Also write a .csv file.")] = None,
) -> None:
    """Check how well proxies rank a study's placements: Kendall's tau with its trainings, beside that of FLOPs."""
    output_format = format_of(output_format, as_json=as_json)
    if output is not None and output.suffix != ".csv":
        raise InputError(f"--output: write a file that ends in .csv (got {output})")
    from rich.progress import Progress

    from seplace.api import Results
    from seplace.files.atomic import write_atomically
    from seplace.proxies import WITHOUT_TRAINING
    from seplace.proxies.proxy import Effort
    from seplace.proxies.rank_correlation_check import rank_correlation_table
    from seplace.report.console import OutsideConsole, is_live
    from seplace.report.proxy_tables import rank_correlation_view
    from seplace.results.tables import to_csv
    from seplace.training.devices import resolve_device

    import_from(Path())
    study = Results.load(results)
    study.refuse_other_code()
    init = "paper" if paper_init or paper_gates else study.config.search_space.gate.init
    usual = Effort.usual(study.config.training.epochs, gate_init=init)
    effort = Effort(
        images=images or usual.images,
        gate_init=init,
        short_epochs=epochs or usual.short_epochs,
        supernet_epochs=supernet_epochs or usual.supernet_epochs,
        recalibration_batches=recalibration_batches or usual.recalibration_batches,
    )
    console = OutsideConsole(stderr=True)
    with Progress(console=console, transient=True, disable=not is_live(console)) as bar:
        task = bar.add_task("scoring", total=None)
        table = rank_correlation_table(
            study.live_config,
            study.rows,
            proxies=names or WITHOUT_TRAINING,
            placements=placements,
            seed=seed,
            effort=effort,
            device=resolve_device(accelerator, 0),
            on_score=lambda name, done: bar.update(task, description=f"{name}: {done} scored"),
        )
    if not show_data(table, output_format):
        show(rank_correlation_view(table))
    if output is not None:
        write_atomically(output, to_csv(table))
