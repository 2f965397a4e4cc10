"""The command that prints the JSON schema of files: schema."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from seplace.cli.options import one_of


class Kind(StrEnum):
    """The kinds of files that have a schema."""

    study = "study"
    space = "space"


def schema(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="Kind of file: study or space.", show_default=False, **(one_of(Kind) | {"metavar": "study|space"})
        ),
    ],
) -> None:
    """Print the JSON schema of study files or space files, by which editors complete and check them."""
    from seplace.report.json_schema import schema_of

    typer.echo(json.dumps(schema_of(kind.value), indent=1, ensure_ascii=False))
