"""The command that draws the figures of a study."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seplace.cli.options import ResultsArgument, one_of
from seplace.cli.printing import show
from seplace.user_modules import import_from


class Kind(StrEnum):
    """The kinds of figures."""

    front = "front"
    effects = "effects"
    heat = "heat"
    history = "history"
    curves = "curves"
    gates = "gates"


def plot(
    results: ResultsArgument,
    kind: Annotated[
        Kind,
        typer.Option(
            help="Kind of figure. front: gain against cost; effects of each choice, or as a heat map; history of the "
            "front; learning curves; what the gates of a network learned.",
            **one_of(Kind),
        ),
    ] = Kind.front,
    output: Annotated[
        Path | None,
        typer.Option(help="Figure to write (.png, .svg or .pdf). Default: KIND.png and KIND.svg in RESULTS."),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            help="Width for a paper: single (a column, 3.25 inches), double (a page, 6.875), or inches. "
            "Default: for a screen.",
            show_default=False,
        ),
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Draw accuracies instead of gains over the plain backbone.")
    ] = False,
    heading: Annotated[
        bool, typer.Option("--heading/--no-heading", help="Write title and verdict above the figure, or not.")
    ] = True,
    pick: Annotated[
        str, typer.Option(help="With --kind gates: the network, best, knee or cheapest of the front, or a placement.")
    ] = "knee",
) -> None:
    """Draw a figure of a study: for a screen, or as wide as a column of a paper."""
    from seplace.api import Results

    if kind is Kind.gates:
        import_from(Path())
    study = Results.load(results)
    name = "-".join([kind.value, *["absolute"] * (absolute and kind is Kind.front), *([width] if width else [])])
    paths = [output] if output is not None else [results / f"{name}.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        study.plot(path, kind=kind.value, absolute=absolute, width=width, heading=heading, pick=pick)
        show(f"wrote {path}")
