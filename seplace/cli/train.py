"""The command that trains a placement of a study further: on more seeds, longer, or on more images."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import Format, FormatOption, JsonOption, ResultsArgument, format_of, one_of
from seplace.cli.printing import show, show_data, show_sentences
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
from seplace.user_modules import import_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seplace.api import Results
    from seplace.results.evaluation import Evaluation


class Images(StrEnum):
    """The images that networks can be trained on."""

    train = "train"
    both = "train+validation"


def train(
    results: ResultsArgument,
    placement: Annotated[
        str,
        typer.Argument(
            help="Placement of the space, such as none-se16-eca; plain or another baseline by name; best, knee or "
            "cheapest of the front.",
            show_default=False,
            autocompletion=completion.picks,
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds: 0, 1, … Those that are trained are kept.")] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of a training; the schedule is stretched. Default: those of the study."),
    ] = None,
    on: Annotated[
        Images,
        typer.Option(
            "--on", help="Images to train on. With train+validation only the test split is a score.", **one_of(Images)
        ),
    ] = Images.train,
    beside_plain: Annotated[
        bool, typer.Option("--beside-plain", help="Train the plain backbone alike, so that the gain is paired by seed.")
    ] = False,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: ThreadsOption = None,
    accelerator: TrainingDeviceOption = None,
    data_root: DataRootOption = None,
    retry_failed: RetryFailedOption = False,
    output: FormatOption = Format.table,
    as_json: JsonOption = False,
) -> None:
    """Train a placement of a study, trained before or not, by its recipe or longer, and add it to the results.

    By the study's own recipe it joins the study's tables. With other epochs or images it goes to trained.csv, and
    `seplace export RESULTS --pick PLACEMENT --trained NAME` exports it. Ctrl-C stops; the same command goes on.
    """
    from seplace.api import Results
    from seplace.overrides import Overrides
    from seplace.results.trained import name_of_recipe

    output = format_of(output, as_json=as_json)
    import_from(Path())
    study = Results.load(results)
    overrides = Overrides(
        executor=executor,
        address=address,
        workers=workers_of(workers),
        threads=threads,
        accelerator=accelerator,
        data_root=data_root,
    )
    chosen = study.placement_of(placement)
    now = study.train(
        chosen,
        seeds=seeds,
        epochs=epochs,
        on=on.value,
        beside_plain=beside_plain,
        overrides=overrides,
        retry_failed=retry_failed,
    )
    length = now.config.training.epochs
    if (epochs or length, on) == (length, Images.train):
        _show_in_study(now, str(chosen), output)
        return
    name = name_of_recipe(epochs=epochs or length, trained_on=on.value)
    table = now.trained
    table = table[table["trained"] == name] if len(table) else table
    if show_data(table, output, metric=now.metric):
        return
    if len(table):
        from seplace.report.trained_table import trained_table

        title = f"{now.config.name}: trained for {epochs or length} epochs on {on.value}"
        show(trained_table(table, now.metric, cost=now.cost, title=title))
    _show_failures(now, [row for row in now.trained_sets[name].rows if row.state == "failed"])
    pick = shlex.quote(str(chosen))
    show(f"to export it: seplace export {shlex.quote(str(results))} --pick {pick} --trained {name}")


def _show_in_study(study: Results, placement: str, output: Format) -> None:
    """Print what is known of a placement whose trainings joined the study's."""
    from seplace.interval import Interval
    from seplace.placement import Placement

    table = study.placements
    row = table[table["placement"] == placement] if len(table) else table
    if show_data(row, output, metric=study.metric):
        return
    failed = [each for each in study.failed if str(each.placement) == placement]
    metric = study.metric
    for each in row.to_dict("records"):
        value = metric.interval(Interval.of_row(each, metric.column))
        test = metric.plus_minus(each[metric.test_column], each[f"{metric.test_column}_se"])
        show(
            f"{placement}: n = {each['n']}, {metric.label} {value} {metric.unit}".rstrip()
            + (f", test {metric.label} {test} {metric.unit}".rstrip() if test else "")
        )
    _show_failures(study, failed)
    show_sentences(study.claim(Placement.parse(placement)))
    show(f"to export it: seplace export {shlex.quote(str(study.folder))} --pick {shlex.quote(placement)}")


def _show_failures(study: Results, failed: Sequence[Evaluation]) -> None:
    from seplace.search.of_study import failure_rules_of

    rules = failure_rules_of(study.config)
    for each in failed:
        show(f"failed: {rules.describe(each)}")
