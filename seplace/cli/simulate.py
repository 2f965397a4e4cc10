"""The command that simulates searches on problems with a known truth: simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.printing import show
from seplace.errors import InputError
from seplace.user_modules import import_from


def simulate(
    problems: Annotated[
        list[str],
        typer.Argument(
            help="Search problems. Landscapes: usual, private, not-additive, heavy-tails, one-interaction, "
            r"interacting-seeds, nothing-helps, slow-starters; usual\[proxy=0.6] adds a proxy with this correlation to "
            "the truth. Or tabular benchmarks: results folders of studies that trained their whole space on several "
            r"seeds. Their truth is the mean; with \[truth=shrunken] or \[truth=effects] after the folder it is an "
            r"estimate, and noise is drawn around it. \[images=500], alone or after a comma, scores trainings on a "
            "validation split of 500 images; the truth remains that of new images.",
            show_default=False,
        ),
    ],
    sampler: Annotated[
        list[str],
        typer.Option(
            help="Sampler. Repeat the option for several.", show_default=False, autocompletion=completion.samplers
        ),
    ],
    trainings: Annotated[int, typer.Option(min=8, max=100_000, help="Number of trainings, baselines included.")] = 100,
    repetitions: Annotated[
        int, typer.Option(min=1, max=100_000, help="Number of searches of each sampler on each problem.")
    ] = 20,
    seeds: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Most seeds of one placement, as far as a tabular benchmark has them."),
    ] = 3,
    confirm: Annotated[
        int, typer.Option(min=0, max=100_000, help="Number of further trainings that confirm the front.")
    ] = 0,
    settle: Annotated[
        bool, typer.Option(help="End a search when its front is settled, as `stop: settled` in a study does.")
    ] = False,
    rungs: Annotated[
        str,
        typer.Option(
            help="Rungs at which trainings may stop early: epochs, or shares of their length such as 0.11,0.33."
        ),
    ] = "",
    concurrent: Annotated[
        int, typer.Option(min=1, max=1024, help="Number of concurrent trainings in a simulated search.")
    ] = 1,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Number of processes that simulate.")] = 1,
    output: Annotated[Path, typer.Option(help="Folder of the results. A comparison in it is resumed.")] = Path(
        "results/simulation"
    ),
) -> None:
    """Simulate searches on problems with a known truth, and compare the fronts that samplers recommend."""
    from seplace.report.simulation_tables import calibration_table, rungs_table, simulation_table
    from seplace.simulation.comparison import Comparison, Repetition
    from seplace.simulation.curves import summary
    from seplace.simulation.replay import Phases

    try:
        early = tuple(float(each) for each in rungs.split(",") if each)
    except ValueError as error:
        raise InputError(f"--rungs: write numbers with commas between them, such as 0.11,0.33 (got {rungs})") from error
    phases = Phases(
        trainings=trainings,
        seeds=seeds,
        confirm_seeds=seeds + 2 if confirm else 0,
        confirm_trainings=confirm,
        stop="settled" if settle else "budget",
        concurrent=concurrent,
        rungs=early,
    )
    import_from(Path())
    comparison = Comparison(output, phases)
    wanted = [
        Repetition(problem=problem, sampler=name, number=number)
        for number in range(repetitions)
        for problem in problems
        for name in sampler
    ]
    comparison.run(wanted, workers=workers, on_done=lambda left: typer.echo(f"{left} searches left", err=True))
    comparison.write()
    show(simulation_table(summary(comparison.curves())))
    show("")
    show(calibration_table(comparison.calibrations()))
    if early:
        show("")
        show(rungs_table(comparison.rungs()))
    show("")
    show(f"wrote {output}")
