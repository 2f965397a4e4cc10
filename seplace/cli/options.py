"""Arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
