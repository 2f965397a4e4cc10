"""The command that drafts a study of a folder of images: init."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from seplace.cli import completion
from seplace.cli.printing import show, show_sentences
from seplace.errors import InputError
from seplace.files.atomic import is_file
from seplace.user_modules import import_from

_FILES = ("space.yaml", "study.yaml")


def init(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of images: train/CLASS/… and, if you have it, test/CLASS/….", show_default=False),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write space.yaml and study.yaml into.")] = Path(),
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Network, such as resnet18; seplace list backbones shows them. Default: one that fits.",
            autocompletion=completion.backbones,
        ),
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=100_000, help="Hours that the study may take here.")] = 4.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite space.yaml and study.yaml.")] = False,
) -> None:
    """Look at a folder of images, and write a space and a study with numbers that fit it and this machine."""
    from seplace.draft.drafting import draft

    import_from(Path())
    if (file := next((place for place in (output, *output.parents) if is_file(place)), None)) is not None:
        raise InputError(f"--output {output}: {file} is a file; name a folder")
    there = [output / name for name in _FILES if (output / name).exists()]
    if there and not force and folder.is_dir():  # that there is no such folder is said first
        names = " and ".join(map(str, there))
        raise InputError(
            f"{names} {'are' if len(there) > 1 else 'is'} there already: --force overwrites, --output writes elsewhere"
        )
    drafted = draft(folder, output, backbone=backbone, hours=hours)
    for line in drafted.found:
        show_sentences(line)
    for line in drafted.doubts:
        show_sentences(f"  doubtful: {line}")
    show("")
    for line in drafted.choices:
        show_sentences(line)
    show("")
    for line in drafted.power:
        show_sentences(line)
    show("")
    study = shlex.quote(str(output / "study.yaml"))
    if output.resolve() != Path.cwd():  # or the results of two drafts would meet in one folder
        study += f" --results {shlex.quote(str(output / 'results'))}"
    show_sentences(
        f"wrote {output / 'space.yaml'} and {output / 'study.yaml'}. Check every image, measure the time, and run:"
    )
    show(f"  seplace plan {study}")
    show(f"  seplace run {study}")
