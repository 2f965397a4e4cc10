"""The command that lists names: list."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.options import Format, FormatOption, JsonOption, format_of
from seplace.cli.printing import show
from seplace.errors import UnknownName


def listing(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="Kind of names, such as backbones. Without it the kinds are listed.",
            show_default=False,
            autocompletion=completion.kinds,
        ),
    ] = None,
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="Part of a name, or a pattern such as 'resnet*'.",
            show_default=False,
            autocompletion=completion.listed_names,
        ),
    ] = None,
    output_format: FormatOption = Format.table,
    as_json: JsonOption = False,
) -> None:
    """List what there is: backbones, modules, attachments, studies, spaces, samplers, ...; with sizes and sources."""
    from seplace.report.catalogue import KINDS, lines_of

    output_format = format_of(output_format, as_json=as_json)
    if kind is None:
        rows = [{"kind": name, "names": len(list(each.names())), "about": each.about} for name, each in KINDS.items()]
        columns, note = ["kind", "names", "about"], "seplace list KIND [PATTERN] lists the names of a kind."
    elif kind not in KINDS:
        raise UnknownName("kind of names", kind, KINDS)
    else:
        rows = KINDS[kind].rows(patterns or ())
        columns, note = list(KINDS[kind].columns), KINDS[kind].note
    if output_format is Format.json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif output_format is Format.csv:
        import pandas as pd

        from seplace.results.tables import to_csv

        typer.echo(to_csv(pd.DataFrame(rows)), nl=False)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        below = [note] if width is None else textwrap.wrap(note, width)
        for line in [*lines_of(rows, columns, width=width), *([""] if note else []), *below]:
            show(line)
