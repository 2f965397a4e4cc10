"""The options of the commands that train: where and how the trainings take place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion

ExecutorOption = Annotated[
    str | None,
    typer.Option(
        help="Executor of the trainings, such as inline, processes or ray. Default: as in the study.",
        autocompletion=completion.executors,
    ),
]
AddressOption = Annotated[
    str | None, typer.Option(help="Address of a Ray cluster, host:port or auto. Default: as in the study.")
]
WorkersOption = Annotated[
    str | None,
    typer.Option(
        help="Number of concurrent trainings; auto measures how many pay on this machine. Default: as in the study."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Number of torch threads of a training. Default: as in the study.")
]
TrainingDeviceOption = Annotated[
    str | None, typer.Option(help="Device of the trainings: cpu, gpu or auto. Default: as in the study.")
]
DataRootOption = Annotated[Path | None, typer.Option(help="Folder of the data. Default: the root in the study.")]
RetryFailedOption = Annotated[
    bool,
    typer.Option("--retry-failed", help="Repeat all failed trainings, not only those that the machine failed."),
]


def workers_of(text: str | None) -> int | str | None:
    """Return the number of concurrent trainings where the text is one; `Overrides` judges any other."""
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else text
