"""The commands that read the results of a study: status, front, recommend, effects, noise, export."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import (
    Format,
    FormatOption,
    FrontFormat,
    FrontFormatOption,
    JsonOption,
    ResultsArgument,
    format_of,
)
from seplace.cli.printing import show, show_advice, show_data, show_front, show_sentences
from seplace.errors import SeplaceError
from seplace.interval import Interval
from seplace.user_modules import import_from

if TYPE_CHECKING:
    from seplace.api import Results


def status(results: ResultsArgument) -> None:
    """Show the progress of a study, and its failed trainings."""
    from seplace.api import Results
    from seplace.search.lock import holder
    from seplace.search.of_study import failure_rules_of

    running = holder(results / "lock")
    try:
        study = Results.load(results)
    except SeplaceError:
        if running is None:
            raise
        show_sentences(f"study in {results}: starting, run by {running}; nothing is trained yet")
        return
    if running:
        state = f"being run by {running}"
    elif study.finished:
        state = "finished"
    elif study.untested:
        state = f"the test split could not be read, run it again: {study.untested}"
    elif study.plain_failure is not None:
        state = "not finished"  # the verdict says why
    else:
        state = f"stopped: {study.stopped}" if study.stopped else "interrupted; run it again to go on"
    complete = study.count - len(study.failed)
    search, confirm = study.config.search, study.config.confirm
    budget = f"{search.trainings} trainings" if search.trainings is not None else f"{search.hours:g} h"
    more = "" if confirm is None else f", and up to {confirm.trainings} to confirm"
    show_sentences(f"study {study.config.name}: {state}")
    early = ""
    if study.rung_rows:
        stopped = study.rungs[study.rungs["reached"] < study.config.training.epochs]
        early = f", {len(stopped[['placement', 'seed']].drop_duplicates())} stopped early"
    show_sentences(f"{complete} trainings complete, {len(study.failed)} failed{early}; budget {budget}{more}")
    for sentence in filter(None, (study.confirm_note, study.workers)):
        show_sentences(sentence)
    rules = failure_rules_of(study.config)
    for row in study.failed:
        show_sentences(f"  failed: {rules.describe(row)}", indent=4)
    if complete:
        trained, on_front = study.trained_and_on_front
        show_sentences(f"{trained} placements trained, {on_front} on the front")
    if complete or study.plain_failure is not None:
        show_sentences(study.verdict)


def front(results: ResultsArgument, output: FrontFormatOption = FrontFormat.table, as_json: JsonOption = False) -> None:
    """Print the front of the metric against cost, and the baselines beside it."""
    from seplace.api import Results

    output = format_of(output, as_json=as_json)
    study = Results.load(results)
    if output in (FrontFormat.latex, FrontFormat.markdown):
        typer.echo(study.front_as(output.value), nl=False)
    elif not show_data(study.front, Format(output.value), metric=study.metric):
        show_front(study)


def recommend(results: ResultsArgument, output: FormatOption = Format.table, as_json: JsonOption = False) -> None:
    """Print the placements that the model recommends from the whole space, trained or not."""
    from seplace.api import Results
    from seplace.report.terminal import recommended_table

    output = format_of(output, as_json=as_json)
    study = Results.load(results)
    if show_data(study.recommended, output, metric=study.metric):
        return
    if len(study.recommended):
        show_sentences(study.verdict)
        show("")
        title = f"{study.config.name}: recommended front, in the order of what each adds ({study.measured})"
        names = {str(placement): name for name, placement in study.baselines.items()}
        show(recommended_table(study.recommended, study.metric, cost=study.cost, title=title, baselines=names))
        show("")
        _tell_what_to_do(study)
    else:
        show("no training is complete yet, so nothing is recommended")


def _tell_what_to_do(study: Results) -> None:
    """Say what the order of a recommendation means, what to train of it, and the advice, which a run ends with too."""
    nothing_is_shown = study.advice.kind in ("stop", "train", "images")
    show_sentences(
        "The order is that of a purchase: if you can afford k of these placements, the first k together are expected "
        f"to make the best front. It is no order of {study.metric.label}, and it claims no more than the verdict above."
    )
    if nothing_is_shown:
        show_sentences(
            "None of them is shown to be better than the plain backbone: they are what to train next, not what to use."
        )
    known = study.recommended.to_dict("records")
    untrained = next((row["placement"] for row in known if not row["n"] and row["gain"] >= 0), None)
    trains = study.config.trains and study.advice.kind != "stop"
    if untrained is not None and trains:
        alone = " (which alone seldom changes the verdict)" if nothing_is_shown else ""
        show_sentences(f"To train {untrained}, the first of them that was not trained{alone}:")
        show(f"  {shlex.join(['seplace', 'train', str(study.folder), untrained])}")
    show("")
    show_advice(study.advice)


def effects(
    results: ResultsArgument,
    output: FormatOption = Format.table,
    as_json: JsonOption = False,
    plot: Annotated[Path | None, typer.Option(help="Also write a figure (.png, .svg or .pdf).")] = None,
) -> None:
    """Print the effect of each choice, module, ratio and attachment in each stage, and its cost."""
    from seplace.api import Results
    from seplace.report.terminal import effects_table, proxies_table

    output = format_of(output, as_json=as_json)
    study = Results.load(results)
    table = study.effects
    if plot is not None:
        study.plot_effects(plot)
    if show_data(table, output, metric=study.metric):
        return
    if table.empty:
        show("no training is complete yet, so no effect is known")
        return
    show_sentences(study.verdict)
    for kind in dict.fromkeys(table["kind"]):
        if kind not in ("pair", "proxy"):
            show("")
            what = f"effect of each {kind} on {study.metric.label}"
            title = f"{study.config.name}: {what}, averaged over the rest of the space"
            show(effects_table(table, study.metric, kind=kind, title=title))
    pairs = table[table["kind"] == "pair"].to_dict("records")
    show("")
    for pair in pairs:
        effect = study.metric.interval(Interval.of_row(pair, "effect"), signed=True)
        beyond = f"{study.metric.gain_unit} beyond their sum".lstrip()
        show_sentences(f"interaction: {pair['name']}: {effect} {beyond}")
    if not pairs:
        show_sentences("no two modules are shown to interact (at 95 %)")
    if len(study.proxies):
        show("")
        title = f"{study.config.name}: effect of each proxy's score, beside the effects of the choices"
        show(proxies_table(study.proxies, study.metric, title=title))


def noise(results: ResultsArgument, output: FormatOption = Format.table, as_json: JsonOption = False) -> None:
    """Print the variance between placements and between seeds, and how early in training ranks are known."""
    from seplace.api import Results
    from seplace.report.terminal import noise_table
    from seplace.results.noise import noise_frame

    output = format_of(output, as_json=as_json)
    study = Results.load(results)
    table = noise_frame(study.rows, study.metric)
    if not show_data(table, output, metric=study.metric):
        show(noise_table(table, study.metric, title=study.config.name))


def export(
    results: ResultsArgument,
    pick: Annotated[
        str,
        typer.Option(
            help="Network to export: best, knee or cheapest of the front, or a placement.",
            autocompletion=completion.picks,
        ),
    ] = "knee",
    flops_under: Annotated[float | None, typer.Option(help="Most FLOPs that the network may have.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write. Default: RESULTS/export/<placement>.")] = None,
    exporter: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Exporter: source, program, onnx, huggingface or timm. "
            "Default: source, and program for a network of your own.",
            autocompletion=completion.exporters,
        ),
    ] = None,
    trained: Annotated[
        str | None, typer.Option(help="Recipe of seplace train whose weights to take, such as epochs200.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an export of another placement or of other weights in --output.")
    ] = False,
) -> None:
    """Export a trained network as files that do without seplace, and verify them in a fresh process."""
    from seplace.api import Results

    import_from(Path())
    loaded = Results.load(results)
    folder = loaded.export(
        output, pick=pick, flops_under=flops_under, exporter=exporter, trained=trained, overwrite=force
    )
    show(f"exported and verified: {folder}")
    if trained is None:
        show_sentences(loaded.claim(loaded.pick(pick, flops_under=flops_under).placement))
