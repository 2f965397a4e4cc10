"""Draft a study: look at the images, choose numbers, write both files, and say what they could show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seplace.draft.files import space_text, study_text
from seplace.draft.found import look_into
from seplace.draft.numbers import Clock, choose
from seplace.draft.words import choice_lines, doubt_lines, found_lines, power_sentences
from seplace.files.atomic import write_atomically
from seplace.search.power import power_of
from seplace.study.config import load_study


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What was found and chosen, in lines."""

    found: list[str]
    doubts: list[str]
    choices: list[str]
    power: list[str]


def draft(
    folder: Path, at: Path, *, backbone: str | None, hours: float, clock: Callable[[], Clock] | None = None
) -> Draft:
    """Write `space.yaml` and `study.yaml` into the folder `at`, for the images in `folder`.

    Args:
        folder: The images.
        at: Where the files are written; it is made.
        backbone: The network; None takes one that fits the images and the time.
        hours: The time that the study may take on this machine.
        clock: Makes what measures training steps; None measures on this machine.

    Raises:
        DataError: The folder cannot be read as a data set, or has too few images or classes.
        InputError: The backbone is unknown.

    """
    found = look_into(folder)
    timer = _stopwatch() if clock is None else clock()
    numbers = choose(found, timer, backbone=backbone, hours=hours)
    write_atomically(at / "space.yaml", space_text(numbers.recipe))
    text = study_text(found, numbers, at=at, has_gpu=timer.has_gpu, has_bf16=timer.has_bf16)
    write_atomically(at / "study.yaml", text)
    config = load_study(at / "study.yaml")
    split = numbers.split
    uses = {"train": {"images": split.train}, "validation": {"images": split.validation}}
    described = {"uses": uses, "splits": {"train": {"images": found.train.images}}}
    cores = f"{timer.cores} core{'s' * (timer.cores > 1)}"
    return Draft(
        found=found_lines(found),
        doubts=doubt_lines(found, numbers),
        choices=choice_lines(
            numbers,
            device=timer.name if timer.has_gpu else f"{cores}, no GPU",
            placements=len(config.search_space),
        ),
        power=power_sentences(power_of(config, described, pilot=None), numbers),
    )


def _stopwatch() -> Clock:
    from seplace.draft.step_time import Stopwatch  # torch

    return Stopwatch()
