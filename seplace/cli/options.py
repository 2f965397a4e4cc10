"""The arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from seplace.cli import completion
from seplace.errors import InputError, UnknownName

E = TypeVar("E", bound=StrEnum)

StudyArgument = Annotated[
    str,
    typer.Argument(
        help="Study file, or the name of a shipped study.", show_default=False, autocompletion=completion.studies
    ),
]
ResultsArgument = Annotated[
    Path,
    typer.Argument(
        help="Results folder of a study, such as results/digits-quickstart.",
        show_default=False,
        autocompletion=completion.results_folders,
    ),
]
FolderOption = Annotated[
    Path | None, typer.Option("--results", help="Folder of the results. Default: results/<study>.")
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.settings,
        help="Value of a key of the study file instead of what stands there, such as training.epochs=5; the value is "
        "YAML. Repeat the option for several. It is another study then: give it other --results.",
    ),
]


class Format(StrEnum):
    """The formats of printed figures."""

    table = "table"
    json = "json"
    csv = "csv"


class FrontFormat(StrEnum):
    """The formats of a front: two more are for papers."""

    table = "table"
    json = "json"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


class Accelerator(StrEnum):
    """The devices of networks."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


def one_of(names: type[E]) -> dict[str, Any]:
    """Return the settings of an option that takes some names; a miss lists them, and the nearest."""

    def parse(text: str) -> E:
        if text not in list(names):
            kind = names.__name__.removeprefix("Front").lower()
            raise typer.BadParameter(str(UnknownName(kind, text, [name.value for name in names])))
        return names(text)

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return {"parser": parse, "autocompletion": complete, "metavar": f"[{'|'.join(names)}]"}


FormatOption = Annotated[Format, typer.Option("--format", help="Output format.", **one_of(Format))]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
FrontFormatOption = Annotated[
    FrontFormat, typer.Option("--format", help="Output format; latex needs booktabs.", **one_of(FrontFormat))
]
AcceleratorOption = Annotated[
    Accelerator, typer.Option("--accelerator", help="Device that networks run on.", **one_of(Accelerator))
]


def format_of(output: E, *, as_json: bool) -> E:
    """Return the output format of `--format` and `--json`; raises InputError where they ask for different ones."""
    if as_json and output not in ("table", "json"):
        raise InputError(f"--json is short for --format json: leave out --format {output}")
    return type(output)("json") if as_json else output
