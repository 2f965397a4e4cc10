"""The command line. Imports stand inside the commands, so that what needs no torch does not wait for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seplace.errors import Interrupted, InvalidStudy, SeplaceError
from seplace.registry import import_from

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


class Accelerator(StrEnum):
    """Where networks run."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


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
    if space.variants:
        _print("  the same in " + ", ".join(variant.text for variant in space.variants))
    budget = f"{made.trainings} trainings" if made.trainings is not None else f"{search.hours:g} h"
    _print(f"{len(space):,} placements; {search.sampler} with a budget of {budget}, at most {search.seeds} seeds each")
    if search.proxies:
        scored = min(search.proxy_placements, len(space))
        _print(f"proxies: {', '.join(search.proxies)} score {scored} members and the yardsticks before any training")
    _print(f"{len(made.yardsticks)} yardsticks first: " + ", ".join(made.yardsticks))
    if search.rungs:
        last = " and ".join(map(str, search.rungs))
        _print(
            f"rungs after {last} of {config.training.epochs} epochs: once early ranks are shown to hold, trainings "
            "stop there unless they are in the best third of their quarter of the space by FLOPs; the budget "
            f"counts epochs, {config.training.epochs} a training"
        )
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
    early = ""
    if study.rung_rows:
        stopped = study.rungs[study.rungs["reached"] < study.config.training.epochs]
        early = f", {len(stopped[['placement', 'seed']].drop_duplicates())} stopped early"
    _print(f"{complete} trainings complete, {len(study.rows) - complete} failed{early}; budget {budget}{more}")
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
def effects(
    results: ResultsArgument,
    output: Annotated[Format, typer.Option("--format")] = Format.table,
    plot: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf figure to write as well.")] = None,
) -> None:
    """Print what each choice, module, ratio and attachment adds in each stage, and what it costs."""
    from seplace.api import Results, to_csv
    from seplace.display import effects_table, interval, proxies_table

    study = Results.load(results)
    table = study.effects
    if plot is not None:
        study.plot_effects(plot)
    if output is Format.json:
        typer.echo(table.to_json(orient="records", indent=1))
    elif output is Format.csv:
        typer.echo(to_csv(table), nl=False)
    else:
        for kind in dict.fromkeys(table["kind"]) if len(table) else ():
            if kind not in ("pair", "proxy"):
                title = f"{study.config.name}: by {kind}, on average over the rest of the space"
                _print(effects_table(table, kind=kind, title=title))
        pairs = table[table["kind"] == "pair"].to_dict("records") if len(table) else []
        for pair in pairs:
            _print(f"together: {pair['name']}: {interval(pair, 'effect', signed=True)} points beyond their sum")
        if not pairs:
            _print("no two modules are known to do more or less together than alone")
        if len(study.proxies):
            title = f"{study.config.name}: what the scores of proxies are worth, beside what is learned of each choice"
            _print(proxies_table(study.proxies, title=title))


@app.command()
def noise(results: ResultsArgument, output: Annotated[Format, typer.Option("--format")] = Format.table) -> None:
    """Print how much of the trainings is placement and how much is luck, and how early ranks are known."""
    from seplace.api import Results, to_csv
    from seplace.display import noise_table
    from seplace.noise import noise_frame

    study = Results.load(results)
    table = noise_frame(study.rows)
    if output is Format.json:
        typer.echo(table.to_json(orient="records", indent=1))
    elif output is Format.csv:
        typer.echo(to_csv(table), nl=False)
    else:
        _print(noise_table(table, title=study.config.name))


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
    exporter: Annotated[
        str | None, typer.Option("--as", help="source or program; default source, program for a network of your own.")
    ] = None,
) -> None:
    """Write a trained network as files that need torch alone, and verify it in a fresh process."""
    from seplace.api import Results

    folder = Results.load(results).export(output, pick=pick, flops_under=flops_under, exporter=exporter)
    _print(f"exported and verified: {folder}")


@app.command()
def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help=r"Backbones, such as resnet50_v1 cifar_resnet20\[width=0.5], and placements to put on each of them: "
            "se16-none-none-eca, or one choice for every stage, se16.parallel. The first is a backbone. "
            "Default placements: the yardsticks. With --paper: se cbam eca released formula, default all.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="A .csv file to write as well.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf figure to write as well.")] = None,
    by_block: Annotated[bool, typer.Option("--by-block", help="A placement has a choice a block.")] = False,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure latency of one image, throughput and peak memory too.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images a pass, for throughput and peak memory.")] = 32,
    repeats: Annotated[int, typer.Option(min=2, help="Timed rounds, in each of which all placements run.")] = 10,
    accelerator: Annotated[Accelerator, typer.Option(help="Where to measure.")] = Accelerator.auto,
    paper: Annotated[bool, typer.Option("--paper", help="Print published complexity figures beside ours.")] = False,
    image_size: Annotated[int | None, typer.Option(min=1, help="Side in pixels; default the backbone's.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of classes; default the backbone's.")] = None,
) -> None:
    """Print what placements cost on backbones: parameters, MACs, FLOPs, and measured latency, throughput and memory."""
    import json

    from seplace.bench.compare import compare_placements, compare_published, read_cases
    from seplace.errors import InputError

    for option, file, suffixes in (("--output", output, (".csv",)), ("--plot", plot, (".png", ".svg", ".pdf"))):
        if file is not None and file.suffix not in suffixes:
            raise InputError(f"{option}: write a file that ends in {' or '.join(suffixes)} (got {file})")
    if paper and (plot is not None or latency or by_block or image_size is not None or classes is not None):
        raise InputError("--paper: takes --format and --output alone, since a figure is of the network that it names")
    if paper:
        records = compare_published(subjects or [])
    else:
        cases = read_cases(subjects or [], by_block=by_block, image_size=image_size, num_classes=classes)
        timing = None
        if latency:
            from seplace.bench.measuring import Timing
            from seplace.evaluators.stand_alone import resolve_device

            timing = Timing(device=resolve_device(accelerator, 0), batch=batch, repeats=repeats)
        records = compare_placements(cases, timing)
    if output_format is Format.json:
        typer.echo(json.dumps(records, indent=1))
    elif output_format is Format.csv:
        typer.echo(_csv(records), nl=False)
    else:
        _show_bench(records, has_times=latency, is_paper=paper)
    if output is not None:
        from seplace.files import write_atomically

        write_atomically(output, _csv(records))
    if plot is not None:
        import pandas as pd

        from seplace.plots import plot_bench, save_figure

        first = records[0]
        times = f", {first['device']}, n = {first['repeats']} rounds" if latency else ""
        save_figure(plot_bench(pd.DataFrame(records), title=f"What attention takes{times}"), plot)


@app.command()
def simulate(
    worlds: Annotated[
        list[str],
        typer.Argument(
            help="Landscapes (usual private not-additive heavy-tails one-interaction interacting-seeds nothing-helps "
            r"slow-starters; usual\[proxy=0.6] has a cheap score of this correlation with the truth), or results "
            "folders of studies that trained their whole space.",
            show_default=False,
        ),
    ],
    sampler: Annotated[list[str], typer.Option(help="A sampler; may be given several times.", show_default=False)],
    trainings: Annotated[int, typer.Option(min=8, help="Of yardsticks and search together.")] = 100,
    repetitions: Annotated[int, typer.Option(min=1, help="Searches of each sampler in each world.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="The most seeds that a search spends on one placement.")] = 3,
    confirm: Annotated[int, typer.Option(min=0, help="Further trainings that confirm the front.")] = 0,
    settle: Annotated[bool, typer.Option(help="End a search when its front is settled (stop: settled).")] = False,
    rungs: Annotated[
        str, typer.Option(help="Where trainings may stop early, such as 0.11,0.33: shares of their length, or epochs.")
    ] = "",
    concurrent: Annotated[int, typer.Option(min=1, help="Trainings that run at once in the simulated search.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine.")] = 1,
    output: Annotated[Path, typer.Option(help="The folder that results go to; a comparison in it goes on.")] = Path(
        "results/simulation"
    ),
) -> None:
    """Replay searches where the truth is known, and show how good the fronts are that samplers recommend."""
    from seplace.display import belief_table, rungs_table, simulation_table
    from seplace.errors import InputError
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
    comparison = Comparison(output, phases)
    wanted = [
        Repetition(world=world, sampler=name, number=number)
        for number in range(repetitions)
        for world in worlds
        for name in sampler
    ]
    comparison.run(wanted, workers=workers, on_done=lambda left: typer.echo(f"{left} searches left", err=True))
    comparison.write()
    _print(simulation_table(summary(comparison.curves())))
    _print(belief_table(comparison.beliefs()))
    if early:
        _print(rungs_table(comparison.rungs()))
    _print(f"wrote {output}")


@app.command()
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
    images: Annotated[int, typer.Option(min=2, help="Training images that an untrained network sees.")] = 64,
    paper_gates: Annotated[
        bool, typer.Option("--paper-gates", help="Start gates of untrained networks as their papers do, not the study.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of short_training; default a third of the study's.")
    ] = None,
    supernet_epochs: Annotated[int | None, typer.Option(min=1, help="Of supernet; default the study's.")] = None,
    recalibration_batches: Annotated[
        int, typer.Option(min=1, help="Training batches that give a path of supernet its batch-norm statistics.")
    ] = 8,
    accelerator: Annotated[Accelerator, typer.Option(help="Where to compute.")] = Accelerator.auto,
    output_format: Annotated[Format, typer.Option("--format")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="A .csv file to write as well.")] = None,
) -> None:
    """Put cheap scores on probation: how they rank a study's placements, beside its trainings and FLOPs."""
    from seplace.errors import InputError

    if output is not None and output.suffix != ".csv":
        raise InputError(f"--output: write a file that ends in .csv (got {output})")
    from rich.console import Console
    from rich.progress import Progress

    from seplace.api import Results, to_csv
    from seplace.evaluators.stand_alone import resolve_device
    from seplace.files import write_atomically
    from seplace.proxies import WITHOUT_TRAINING
    from seplace.proxies.probation import probation_table
    from seplace.proxies.proxy import Effort
    from seplace.proxies.table import probation_view

    study = Results.load(results)
    full = study.config.training.epochs
    effort = Effort(
        images=images,
        gate_init="paper" if paper_gates else study.config.search_space.gate.init,
        short_epochs=epochs or max(1, full // 3),
        supernet_epochs=supernet_epochs or full,
        recalibration_batches=recalibration_batches,
    )
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None)
        table = probation_table(
            study.config,
            study.rows,
            folder=study.folder,
            proxies=names or WITHOUT_TRAINING,
            placements=placements,
            seed=seed,
            effort=effort,
            device=resolve_device(accelerator, 0),
            on_score=lambda name, done: bar.update(task, description=f"{name}: {done} scored"),
        )
    if output_format is Format.json:
        typer.echo(table.to_json(orient="records", indent=1))
    elif output_format is Format.csv:
        typer.echo(to_csv(table), nl=False)
    else:
        _print(probation_view(table))
    if output is not None:
        write_atomically(output, to_csv(table))


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
    import_from(Path())
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
    for note in (study.outlook, study.rungs_note):
        if note:
            _print(note)
    if len(study.front):
        title = f"{study.config.name}: front, and the yardsticks beside it (validation split)"
        _print(front_table(study.front, cost=study.cost, title=title))


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    import pandas as pd

    from seplace.api import to_csv

    return to_csv(pd.DataFrame(records))


def _show_bench(records: Sequence[dict[str, Any]], *, has_times: bool, is_paper: bool) -> None:
    from seplace.bench.tables import counts_table, measured_table, published_notes, published_table

    if is_paper:
        for source in dict.fromkeys(record["source"] for record in records):
            rows = [record for record in records if record["source"] == source]
            _print(published_table(rows))
            _print(f"{published_notes(rows)}\n")
        return
    _print(counts_table(records))
    if has_times:
        _print(measured_table(records))


def _print(content: object) -> None:
    from rich.console import Console

    # A pipe has no width of its own: 200 columns keep rows whole there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(content, markup=False, soft_wrap=isinstance(content, str))
