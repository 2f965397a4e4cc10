"""The command that replays searches where the truth is known: simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli.printing import show
from seplace.errors import InputError
from seplace.registry import import_from


def simulate(
    problems: Annotated[
        list[str],
        typer.Argument(
            help="Landscapes (usual private not-additive heavy-tails one-interaction interacting-seeds nothing-helps "
            r"slow-starters; usual\[proxy=0.6] has a cheap score of this correlation with the truth), or results "
            r"folders of studies that trained their whole space on several seeds (the truth is their mean; with "
            r"\[truth=shrunken] or \[truth=effects] behind it, noise is drawn anew around an estimate of the truth).",
            show_default=False,
        ),
    ],
    sampler: Annotated[list[str], typer.Option(help="A sampler; may be given several times.", show_default=False)],
    trainings: Annotated[int, typer.Option(min=8, max=100_000, help="Of baselines and search together.")] = 100,
    repetitions: Annotated[
        int, typer.Option(min=1, max=100_000, help="Searches of each sampler in each problem.")
    ] = 20,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="The most seeds of one placement, as far as a table has them.")
    ] = 3,
    confirm: Annotated[int, typer.Option(min=0, max=100_000, help="Further trainings that confirm the front.")] = 0,
    settle: Annotated[bool, typer.Option(help="End a search when its front is settled (stop: settled).")] = False,
    rungs: Annotated[
        str, typer.Option(help="Where trainings may stop early, such as 0.11,0.33: shares of their length, or epochs.")
    ] = "",
    concurrent: Annotated[
        int, typer.Option(min=1, max=1024, help="Trainings that run at once in the simulated search.")
    ] = 1,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes of this machine.")] = 1,
    output: Annotated[Path, typer.Option(help="The folder that results go to; a comparison in it goes on.")] = Path(
        "results/simulation"
    ),
) -> None:
    """Replay searches where the truth is known, and show how good the fronts are that samplers recommend."""
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
    show(calibration_table(comparison.calibrations()))
    if early:
        show(rungs_table(comparison.rungs()))
    show(f"wrote {output}")
