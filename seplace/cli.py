"""The command line. Imports stand inside the commands, so that what needs no torch does not wait for it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seplace.errors import Interrupted, InvalidStudy, SeplaceError

if TYPE_CHECKING:
    from seplace.api import Results

app = typer.Typer(
    name="seplace",
    help="Where in a CNN does channel attention pay, at what cost, and can the answer be believed?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyArgument = Annotated[str, typer.Argument(help="A study file, or the name of a shipped study.", show_default=False)]
ResultsArgument = Annotated[
    Path,
    typer.Argument(help="The results folder of a study, such as results/digits-quickstart.", show_default=False),
]
FolderOption = Annotated[Path | None, typer.Option("--results", help="Where results go; default results/<study>.")]


class Format(StrEnum):
    """How figures are printed."""

    table = "table"
    json = "json"
    csv = "csv"


@app.command()
def plan(
    study: StudyArgument,
    results: FolderOption = None,
    batch: Annotated[bool, typer.Option(help="Price the space and time training steps to estimate the run.")] = True,
) -> None:
    """Show what a run would do: the space, its prices, what is compared, how long it takes."""
    from seplace.config import load_study
    from seplace.display import duration, plain_table, quantity
    from seplace.search.plan import make_plan

    config = load_study(study)
    made = make_plan(config, results or Path("results") / config.name, with_batch=batch)
    space, search = config.search_space, config.search
    _print(f"study {config.name}: {space.backbone.text} on {config.data.name}, space {space.name}")
    for number, choices in enumerate(space.choices, start=1):
        unit = space.backbone.units[number - 1]
        blocks = f"{len(unit.sites)} blocks, " if len(unit.sites) > 1 else ""
        width = f"{blocks}{unit.channels} channels"
        names = " ".join(map(str, choices))
        _print(f"  {space.backbone.granularity} {number}: {width}, {len(choices)} choices: {names}")
    budget = f"{made.trainings} trainings" if made.trainings is not None else f"{search.hours:g} h"
    _print(f"{len(space):,} placements; {search.sampler} with a budget of {budget}, at most {search.seeds} seeds each")
    _print(f"{len(made.yardsticks)} yardsticks first: " + ", ".join(made.yardsticks))
    if config.confirm is not None:
        _print(
            f"then front and yardsticks up to {config.confirm.seeds} seeds each, at most {made.confirmations} trainings"
        )
    if made.spans is None:
        _print("prices: not counted yet; plan without --no-batch counts them once")
    else:
        rows = [
            [
                span.name,
                *(quantity(value) for value in (span.plain, span.cheapest, span.dearest)),
                f"{100 * (span.dearest - span.cheapest) / span.plain:.2g} %",
            ]
            for span in made.spans
        ]
        _print(plain_table(["cost", "plain", "cheapest", "dearest", "span"], rows))
    if made.seconds is not None:
        each = "" if made.seconds_a_training is None else f" ({duration(made.seconds_a_training)} a training)"
        _print(f"estimated time with {config.run.workers} workers: {duration(made.seconds)}{each}")


@app.command()
def run(
    study: StudyArgument,
    results: FolderOption = None,
    executor: Annotated[str | None, typer.Option(help="inline or processes, instead of the study's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Trainings at once.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Torch threads of one training.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="cpu, gpu or auto, instead of the study's.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where the data lies, instead of the study's root.")] = None,
    export: Annotated[str | None, typer.Option(help="Export afterwards: best, knee, cheapest or a placement.")] = None,
) -> None:
    """Run a study to its end, or go on with one that was interrupted."""
    from seplace import api

    overrides = api.Overrides(
        executor=executor, workers=workers, threads=threads, accelerator=accelerator, data_root=data_root
    )
    finished = api.run(study, folder=results, overrides=overrides)
    _show_front(finished)
    _print(f"tables and figures: {finished.folder}")
    if export is not None:
        _print(f"exported and verified: {finished.export(pick=export)}")


@app.command()
def status(results: ResultsArgument) -> None:
    """Show how far a study is."""
    from seplace.api import Results
    from seplace.search.lock import holder

    study = Results.load(results)
    running = holder(results / "lock")
    state = (
        "finished" if study.finished else f"being run by {running}" if running else "interrupted; run it again to go on"
    )
    complete = sum(row.state == "complete" for row in study.rows)
    search, confirm = study.config.search, study.config.confirm
    budget = f"{search.trainings} trainings" if search.trainings is not None else f"{search.hours:g} h"
    more = "" if confirm is None else f", and up to {confirm.trainings} to confirm"
    _print(f"study {study.config.name}: {state}")
    _print(f"{complete} trainings complete, {len(study.rows) - complete} failed; budget {budget}{more}")
    for row in study.rows:
        if row.state == "failed":
            _print(f"  failed: {row.placement}, seed {row.seed}: {row.reason}: {row.message}")
    if complete:
        members = study.placements[study.placements["on_front"]]
        _print(f"{len(study.placements)} placements trained, {len(members)} on the front")
        _print(study.verdict)


@app.command()
def front(results: ResultsArgument, output: Annotated[Format, typer.Option("--format")] = Format.table) -> None:
    """Print the front, and the yardsticks beside it."""
    from seplace.api import Results, to_csv

    study = Results.load(results)
    if output is Format.json:
        typer.echo(study.front.to_json(orient="records", indent=1))
    elif output is Format.csv:
        typer.echo(to_csv(study.front), nl=False)
    else:
        _show_front(study)


@app.command()
def plot(
    results: ResultsArgument,
    output: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf file; default front.png and .svg.")] = None,
) -> None:
    """Draw accuracy against cost."""
    from seplace.api import Results

    study = Results.load(results)
    for path in [output] if output is not None else [results / "front.png", results / "front.svg"]:
        study.plot(path)
        _print(f"wrote {path}")


@app.command()
def export(
    results: ResultsArgument,
    pick: Annotated[str, typer.Option(help="best, knee or cheapest of the front, or a placement.")] = "knee",
    flops_under: Annotated[float | None, typer.Option(help="Only placements with at most so many FLOPs.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The folder to write; default RESULTS/export/<placement>.")
    ] = None,
) -> None:
    """Write a trained network as source and weights that need torch alone, and verify it in a fresh process."""
    from seplace.api import Results

    folder = Results.load(results).export(output, pick=pick, flops_under=flops_under)
    _print(f"exported and verified: {folder}")


@app.command()
def bench(
    backbone: Annotated[str, typer.Argument(help="A backbone, such as resnet50_v1 or cifar_resnet20[width=0.5].")],
    placements: Annotated[
        list[str] | None,
        typer.Argument(help="Placements, such as se16-se16-none-eca; default the yardsticks."),
    ] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.table,
    latency: Annotated[bool, typer.Option("--latency", help="Time forward passes of one image too.")] = False,
    image_size: Annotated[int | None, typer.Option(min=1, help="Side in pixels; default the backbone's.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of classes; default the backbone's.")] = None,
) -> None:
    """Print what placements cost on a backbone: parameters, MACs, FLOPs, latency."""
    import json

    from seplace.backbones.backbone import describe
    from seplace.display import plain_table
    from seplace.errors import InputError
    from seplace.placement import Placement
    from seplace.space import check_placement
    from seplace.yardsticks import yardsticks

    described = describe(backbone)
    chosen = [Placement.parse(text) for text in placements or []] or list(yardsticks(described).values())
    for placement in chosen:
        check_placement(described, placement, init="paper")
    size = image_size or described.image_size
    if size < described.min_image_size:
        raise InputError(
            f"--image-size: {described.text} needs at least {described.min_image_size} pixels (got {size})"
        )
    from seplace.bench import bench as measure

    records = measure(
        described, chosen, image_size=size, num_classes=classes or described.num_classes, with_latency=latency
    )
    if output is Format.json:
        typer.echo(json.dumps(records, indent=1))
        return
    if output is Format.csv:
        import pandas as pd

        from seplace.api import to_csv

        typer.echo(to_csv(pd.DataFrame(records)), nl=False)
        return
    columns = [name for name in records[0] if name != "backbone"]
    rows = [[_cell(record[name]) for name in columns] for record in records]
    _print(plain_table(columns, rows, title=f"{described.text}, one image of {size}x{size}"))


@app.command()
def doctor() -> None:
    """Look at this machine: versions, devices, and what is known to go wrong."""
    from seplace.display import plain_table
    from seplace.doctor import examine

    findings = examine()
    _print(plain_table(["", "", ""], [[each.subject, each.state, each.advice] for each in findings]))
    if any(each.advice and each.subject not in ("pyarrow", "pillow") for each in findings):
        raise typer.Exit(3)


def main() -> None:
    """Run the command line; errors that a user can mend are one message and the right exit code."""
    try:
        app()
    except Interrupted as error:
        typer.echo(f"\n{error}; everything finished is kept. Go on with: {' '.join(_command())}", err=True)
        sys.exit(error.exit_code)
    except InvalidStudy as error:
        typer.echo(str(error), err=True)  # located problems, one a line, as editors and compilers have them
        sys.exit(error.exit_code)
    except SeplaceError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


def _command() -> list[str]:
    import shlex

    return ["seplace", *map(shlex.quote, sys.argv[1:])]


def _show_front(study: Results) -> None:
    from seplace.display import front_table

    _print(study.verdict)
    if len(study.front):
        title = f"{study.config.name}: front, and the yardsticks beside it (validation split)"
        _print(front_table(study.front, cost=study.cost, title=title))


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _print(content: object) -> None:
    from rich.console import Console

    # A pipe has no width of its own: 200 columns keep rows whole there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(content, markup=False, soft_wrap=isinstance(content, str))
