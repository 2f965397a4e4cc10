"""The command that compares the costs of placements: bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from seplace.cli import completion
from seplace.cli.options import Accelerator, AcceleratorOption, Format, FormatOption, JsonOption, format_of
from seplace.cli.printing import show
from seplace.errors import InputError
from seplace.user_modules import import_from


def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help=r"Backbones, such as resnet50_v1 or cifar_resnet20\[width=0.5], and placements to insert into each: "
            "one choice a stage, such as se16-none-none-eca, or one choice for every stage that takes it, such as "
            "se16.parallel. The first is a backbone. Default placements: the baselines. With --published: sources of "
            "published figures, any of se, cbam, eca, released and formula.",
            show_default=False,
            autocompletion=completion.backbones,
        ),
    ] = None,
    output_format: FormatOption = Format.table,
    as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option(help="Also write a .csv file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also write a figure (.png, .svg or .pdf).")] = None,
    by_block: Annotated[
        bool, typer.Option("--by-block", help="Read placements with one choice a block instead of one a stage.")
    ] = False,
    by_stage: Annotated[
        bool,
        typer.Option(
            "--by-stage",
            help="Take the modules among the placements, and show what each costs alone in each stage (block with "
            "--by-block), and in all.",
        ),
    ] = False,
    latency: Annotated[
        bool, typer.Option("--latency", help="Also measure latency (one image), throughput and peak memory.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=100_000, help="Batch size for throughput and peak memory.")] = 32,
    repeats: Annotated[
        int, typer.Option(min=2, max=100_000, help="Timed rounds; every placement runs once in each.")
    ] = 10,
    accelerator: AcceleratorOption = Accelerator.auto,
    published: Annotated[
        bool, typer.Option("--published", help="Print published complexity figures beside those of seplace.")
    ] = False,
    paper: Annotated[bool, typer.Option("--paper", hidden=True, help="The former name of --published.")] = False,
    image_size: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Side of the images in pixels. Default: the backbone's.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, max=1_000_000, help="Number of classes. Default: the backbone's.")
    ] = None,
) -> None:
    """Compare the costs of placements: parameters, MACs, FLOPs, and measured latency, throughput and memory."""
    import json

    from seplace.bench.compare import compare_placements, compare_published, read_cases

    output_format = format_of(output_format, as_json=as_json)
    import_from(Path())
    for option, file, suffixes in (("--output", output, (".csv",)), ("--plot", plot, (".png", ".svg", ".pdf"))):
        if file is not None and file.suffix not in suffixes:
            raise InputError(f"{option}: write a file that ends in {' or '.join(suffixes)} (got {file})")
    published = published or paper
    if published and (
        plot is not None or latency or by_block or by_stage or image_size is not None or classes is not None
    ):
        raise InputError("--published takes --format and --output alone, since each published figure names its network")
    if published:
        records = compare_published(subjects or [])
    else:
        cases = read_cases(
            subjects or [], by_block=by_block, by_stage=by_stage, image_size=image_size, num_classes=classes
        )
        timing = None
        if latency:
            from seplace.bench.measuring import Timing
            from seplace.training.devices import resolve_device

            timing = Timing(device=resolve_device(accelerator, 0), batch=batch, repeats=repeats)
        records = compare_placements(cases, timing)
    if output_format is Format.json:
        typer.echo(json.dumps(records, indent=1))
    elif output_format is Format.csv:
        typer.echo(_csv(records), nl=False)
    else:
        _show_bench(records, has_times=latency, is_published=published)
    if output is not None:
        from seplace.files.atomic import write_atomically

        write_atomically(output, _csv(records))
    if plot is not None:
        import pandas as pd

        from seplace.report.figures.bench import plot_bench
        from seplace.report.figures.saving import save_figure

        first = records[0]
        times = f", {first['device']}, n = {first['repeats']} rounds" if latency else ""
        save_figure(plot_bench(pd.DataFrame(records), title=f"Cost of attention placements{times}"), plot)


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    import pandas as pd

    from seplace.results.tables import to_csv

    return to_csv(pd.DataFrame(records))


def _show_bench(records: Sequence[dict[str, Any]], *, has_times: bool, is_published: bool) -> None:
    from seplace.report.bench_tables import counts_table, measured_table, published_notes, published_table

    if is_published:
        for source in dict.fromkeys(record["source"] for record in records):
            rows = [record for record in records if record["source"] == source]
            show(published_table(rows))
            show(f"{published_notes(rows)}\n")
        return
    show(counts_table(records))
    if has_times:
        show("")
        show(measured_table(records))
