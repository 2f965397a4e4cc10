"""The command that puts cheap scores on probation: proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli.options import Accelerator, AcceleratorOption, Format, FormatOption, ResultsArgument
from seplace.cli.printing import show, show_data
from seplace.errors import InputError
from seplace.registry import import_from


def proxy(
    results: ResultsArgument,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            help="A cheap score: synflow, naswot, jacobian_covariance, gradient_norm, short_training, supernet, or an "
            "import path. May be given several times; default those that train nothing.",
        ),
    ] = None,
    placements: Annotated[
        int | None, typer.Option(min=5, help="So many of the trained placements, drawn at random; default all.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the scores, the sample and the intervals.")] = 0,
    images: Annotated[
        int | None, typer.Option(min=2, help="Training images that an untrained network sees; default 64.")
    ] = None,
    paper_gates: Annotated[
        bool, typer.Option("--paper-gates", help="Start gates of untrained networks as their papers do, not the study.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of short_training; default a third of the study's.")
    ] = None,
    supernet_epochs: Annotated[int | None, typer.Option(min=1, help="Of supernet; default the study's.")] = None,
    recalibration_batches: Annotated[
        int | None,
        typer.Option(min=1, help="Training batches that give a path of supernet its batch-norm statistics; default 8."),
    ] = None,
    accelerator: AcceleratorOption = Accelerator.auto,
    output_format: FormatOption = Format.table,
    output: Annotated[Path | None, typer.Option(help="A .csv file to write as well.")] = None,
) -> None:
    """Put cheap scores on probation: how they rank a study's placements, beside its trainings and FLOPs."""
    if output is not None and output.suffix != ".csv":
        raise InputError(f"--output: write a file that ends in .csv (got {output})")
    from rich.progress import Progress

    from seplace.api import Results
    from seplace.files.atomic import write_atomically
    from seplace.proxies import WITHOUT_TRAINING
    from seplace.proxies.proxy import Effort
    from seplace.proxies.rank_correlation_check import rank_correlation_table
    from seplace.report.console import OutsideConsole
    from seplace.report.proxy_tables import rank_correlation_view
    from seplace.results.tables import to_csv
    from seplace.training.devices import resolve_device

    import_from(Path())
    study = Results.load(results)
    study.refuse_other_code()
    init = "paper" if paper_gates else study.config.search_space.gate.init
    usual = Effort.usual(study.config.training.epochs, gate_init=init)
    effort = Effort(
        images=images or usual.images,
        gate_init=init,
        short_epochs=epochs or usual.short_epochs,
        supernet_epochs=supernet_epochs or usual.supernet_epochs,
        recalibration_batches=recalibration_batches or usual.recalibration_batches,
    )
    with Progress(console=OutsideConsole(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None)
        table = rank_correlation_table(
            study.live_config,
            study.rows,
            folder=study.folder,
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
