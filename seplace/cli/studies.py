"""The commands that take a study: plan and run."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seplace.cli.options import FolderOption, SettingsOption, StudyArgument
from seplace.cli.printing import show, show_outcome, show_sentences
from seplace.cli.run_options import (
    AddressOption,
    DataRootOption,
    ExecutorOption,
    RetryFailedOption,
    ThreadsOption,
    TrainingDeviceOption,
    WorkersOption,
    workers_of,
)
from seplace.errors import DataError, InputError, SeplaceError
from seplace.user_modules import import_from

if TYPE_CHECKING:
    from seplace.search.progress import Observer


def _say(line: str) -> None:
    """Print a line of a plan; in a terminal what is folded hangs."""
    show_sentences(line, indent=4)


def plan(
    study: StudyArgument,
    results: FolderOption = None,
    settings: SettingsOption = None,
    batch: Annotated[
        bool, typer.Option(help="Count the costs of the space, and time training steps to estimate the run.")
    ] = True,
    pilot: Annotated[
        Path | None,
        typer.Option(help="Results folder of a study on the same task, to measure the noise instead of assuming it."),
    ] = None,
) -> None:
    """Show the plan of a run: the space, its costs, the baselines, the gains it can show and the estimated time."""
    from seplace.report.images import image_lines
    from seplace.report.limits import limit_lines
    from seplace.report.numbers import duration, percent, quantity
    from seplace.report.power import power_lines
    from seplace.report.terminal import plain_table
    from seplace.results.verdict import counted
    from seplace.search.plan import make_plan
    from seplace.study.config import load_study

    import_from(Path())
    config = load_study(study, settings=settings or ())
    made = make_plan(config, results or Path("results") / config.name, with_batch=batch, pilot=pilot)
    if made.power.obstacle:
        _say(made.power.obstacle)
    space, search = config.search_space, config.search
    _say(f"study {config.name}: {space.backbone.text} on {config.data_name}, space {space.name}")
    for line in image_lines(made.images):
        _say(line)
    for number, choices in enumerate(space.choices, start=1):
        unit = space.backbone.units[number - 1]
        blocks = f"{len(unit.sites)} blocks, " if len(unit.sites) > 1 else ""
        width = f"{blocks}{unit.channels} channels"
        names = " ".join(map(str, choices))
        _say(f"  {space.backbone.granularity} {number}: {width}, {len(choices)} choices: {names}")
    for backbone in space.backbones.values():
        if backbone.note:
            _say(f"note: {backbone.note}")
        for sentence in backbone.left_out:
            _say(f"  left out: {sentence}")
    for sentence in made.frozen:
        _say(sentence)
    if space.variants:
        _say("  the same in " + ", ".join(variant.text for variant in space.variants))
    limit = made.budget
    budget = f"{limit.trainings} trainings" if limit.trainings is not None else f"{limit.hours:g} h"
    seeds = counted(search.seeds, "seed")
    listed = f"{made.config.candidates:,} listed of " if search.placements else ""
    _say(f"{listed}{len(space):,} placements; {search.sampler} with a budget of {budget}, at most {seeds} each")
    if search.proxies:
        scored = min(search.proxy_placements, len(space))
        _say(f"proxies: {', '.join(search.proxies)} score {scored} placements and the baselines before any training")
    of_it = ", of this budget" if limit.trainings is not None else ""
    when = "beside the first proposals" if limit.overlaps(len(made.baselines)) else "first"
    names = ", ".join(f'"{name}"' for name in made.baselines)
    _say(f"{len(made.baselines)} baselines {when}{of_it}: {names}")
    if search.rungs:
        last = " and ".join(map(str, search.rungs))
        _say(
            f"rungs after {last} of {config.training.epochs} epochs: once early ranks are shown to hold, trainings "
            "stop there unless they are in the best third of their quarter of the space by FLOPs; the budget "
            f"counts epochs, {config.training.epochs} a training"
        )
    if config.confirm is not None:
        confirm = config.confirm
        _say(f"then front and baselines up to {confirm.seeds} seeds each, at most {confirm.trainings} trainings")
    if made.spans is None:
        _say("costs: not counted yet; plan without --no-batch counts them once")
    else:
        rows = [
            [
                span.name,
                *(quantity(value) for value in (span.plain, span.cheapest, span.dearest)),
                percent((span.dearest - span.cheapest) / span.plain),
            ]
            for span in made.spans
        ]
        show(plain_table(["cost", "plain", "cheapest", "dearest", "span"], rows))
    for line in limit_lines(made):
        _say(line)
    for line in power_lines(made):
        _say(line)
    for line in filter(None, [made.workers_note, "" if made.room is None else made.room.sentence]):
        _say(line)
    if made.seconds is not None and made.estimate is not None:
        side = "one after the other" if made.estimate.at_once == 1 else f"{made.estimate.at_once} at once"
        each = f"{duration(made.estimate.training)} a training, {side}"
        _say(f"estimated time: {duration(made.seconds)} ({each}, with start and end{made.proxies_note})")


def run(
    study: StudyArgument,
    results: FolderOption = None,
    settings: SettingsOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: ThreadsOption = None,
    accelerator: TrainingDeviceOption = None,
    data_root: DataRootOption = None,
    retry_failed: RetryFailedOption = False,
    export: Annotated[
        str | None, typer.Option(help="Export a network afterwards: best, knee, cheapest or a placement.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print progress and outcome as JSON, one object a line, and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")] = False,
) -> None:
    """Run a study to its end, or resume an interrupted one."""
    from seplace import running
    from seplace.overrides import Overrides
    from seplace.report.json_lines import JsonLines
    from seplace.results.picks import check_pick

    import_from(Path())
    overrides = Overrides(
        executor=executor,
        address=address,
        workers=workers_of(workers),
        threads=threads,
        accelerator=accelerator,
        data_root=data_root,
    )
    if export is not None:
        check_pick(export)  # before hours of training, not after
    if as_json and quiet:
        raise InputError("--json and --quiet: give one of them")
    log = JsonLines(partial(typer.echo, file=sys.stdout)) if as_json else None
    observer: Observer | None = log.show if log is not None else _ignore if quiet else None
    exported: Path | None = None
    try:
        # What code of the user's own prints must not stand between the lines.
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            finished = running.run(
                study,
                folder=results,
                overrides=overrides,
                settings=settings or (),
                observer=observer,
                retry_failed=retry_failed,
            )
        is_shown = log is None and not quiet
        if is_shown:
            show_outcome(finished)
        if export is not None and not finished.untested:
            exported = finished.export(pick=export)
            if is_shown:
                show(f"exported and verified: {exported}")
                show_sentences(finished.claim(finished.pick(export).placement))
        if log is not None:
            log.outcome(finished, exported=exported)
        if finished.untested:
            raise DataError(f"the test split could not be read, all else is done: {finished.untested}")
    except SeplaceError as error:
        if log is not None:
            log.error(error)
        raise


def _ignore(_progress: object) -> None:
    pass
