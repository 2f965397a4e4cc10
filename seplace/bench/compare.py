"""Compare the costs of placements on backbones, and published figures with seplace's, without any training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone
from seplace.backbones.describe import describe
from seplace.baselines import baselines
from seplace.bench.published import figures
from seplace.errors import InputError, InvalidPlacement, did_you_mean, nearest
from seplace.placement import Placement, StageChoice
from seplace.space import check_placement, choice_problem

if TYPE_CHECKING:
    from seplace.bench.measuring import Timing

COUNTS = ("params", "macs", "flops")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A backbone and the placements to compare on it, each with its name in tables."""

    backbone: Backbone
    placements: Mapping[str, Placement]
    image_size: int
    num_classes: int


def read_cases(
    texts: Sequence[str],
    *,
    by_block: bool,
    image_size: int | None,
    num_classes: int | None,
    by_stage: bool = False,
) -> list[Case]:
    """Return a case for each backbone among some texts, with all placements among them, or with the baselines.

    The first text is a backbone. Another is one if its part before `[` is the name of a backbone, or an import path
    without a `-`. A placement with a single choice stands for that choice in every stage (block if `by_block`) that
    takes it. With `by_stage` each choice among the placements stands alone in each stage that takes it, one after the
    other, and at last in all of these.

    Raises InputError for a text that is neither, for a placement that does not fit a backbone, and for images that are
    too small.
    """
    if not texts:
        raise InputError("name at least one backbone, such as resnet50_v1")
    backbones = [text for at, text in enumerate(texts) if at == 0 or _names_backbone(text)]
    placements = [text for text in texts[1:] if not _names_backbone(text)]
    cases = []
    for text in dict.fromkeys(backbones):
        backbone = describe(text)
        if by_block:
            backbone = replace(backbone, granularity="block")
        size = image_size or backbone.image_size
        if size < backbone.min_image_size:
            raise InputError(
                f"--image-size: {backbone.text} needs at least {backbone.min_image_size} pixels (got {size})"
            )
        named = dict(_named(one, backbone) for one in placements) if placements else baselines(backbone)
        if by_stage:
            named = _by_stage(named.values(), backbone)
        for placement in named.values():
            check_placement(backbone, placement, init="paper")
        cases.append(
            Case(
                backbone=backbone,
                placements=named,
                image_size=size,
                num_classes=num_classes or backbone.num_classes,
            )
        )
    return cases


def _names_backbone(text: str) -> bool:
    name = text.partition("[")[0]
    return name in BACKBONES and "-" not in name


def _named(text: str, backbone: Backbone) -> tuple[str, Placement]:
    """Return the name in tables and the placement of a text."""
    try:
        if "-" in text or len(backbone.units) == 1:
            placement = Placement.parse(text)
            name = text
        else:
            name, placement = _everywhere(StageChoice.parse(text), backbone)
    except InvalidPlacement as error:
        near = text.partition("[")[0]
        if "-" in text or nearest(near, BACKBONES) is None:
            raise
        raise InputError(
            f"{text!r} is not a backbone{did_you_mean(near, BACKBONES)} It is not a placement: {error}"
        ) from error
    return "plain" if placement.is_plain else name, placement


def _everywhere(choice: StageChoice, backbone: Backbone) -> tuple[str, Placement]:
    """Return the name and the placement of a choice in every unit that takes it; a warning names the other units."""
    noun = backbone.granularity
    problems = {
        number: problem
        for number in range(1, len(backbone.units) + 1)
        if (problem := choice_problem(backbone, choice, stage=number, init="paper"))
    }
    if len(problems) == len(backbone.units):
        raise InvalidPlacement(f"{choice} stands in no {noun} of {backbone.text}: {problems[1]}")
    if not problems:
        return f"{choice} everywhere", Placement.uniform(choice, len(backbone.units))
    numbers = [number for number in range(1, len(backbone.units) + 1) if number not in problems]
    taking = f"{noun}{'s' if len(numbers) > 1 else ''} {ranges_of(numbers)}"
    warnings.warn(
        f"{choice} stands in {taking} of {backbone.text}, and not in {ranges_of(list(problems))}: "
        f"{next(iter(problems.values()))}",
        stacklevel=2,
    )
    choices = [StageChoice() if number in problems else choice for number in range(1, len(backbone.units) + 1)]
    return f"{choice} in {taking}", Placement(tuple(choices))


def _by_stage(placements: Iterable[Placement], backbone: Backbone) -> dict[str, Placement]:
    """Return each choice of some placements alone in each unit that takes it, and in all of these, by name."""
    none, stages = StageChoice(), len(backbone.units)
    listed = (choice for placement in placements for choice in placement.choices if choice != none)
    named: dict[str, Placement] = {}
    for choice in sorted(dict.fromkeys(listed), key=lambda choice: (choice.name, choice.ratio or 0, str(choice))):
        taking = [
            number
            for number in range(1, stages + 1)
            if choice_problem(backbone, choice, stage=number, init="paper") is None
        ]
        for number in taking:
            alone = Placement(tuple(choice if at == number else none for at in range(1, stages + 1)))
            named[f"{choice} in {backbone.granularity} {number}"] = alone
        if len(taking) > 1:
            every = Placement(tuple(choice if at in taking else none for at in range(1, stages + 1)))
            named[f"{choice} in {backbone.granularity}s {ranges_of(taking)}"] = every
    return named


def ranges_of(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text, such as `2-4, 6`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def compare_placements(cases: Sequence[Case], timing: Timing | None) -> list[dict[str, Any]]:
    """Return one record for each backbone and placement: its counts for one image, and their extra over plain.

    With a timing, a record has peak memory, latency and throughput too (see `seplace.bench.measuring.measured`).
    """
    from seplace.bench.measuring import Counts, Subject, describe_timing, measured

    records: list[dict[str, Any]] = []
    for case in cases:
        plain, *subjects = (
            Subject(
                backbone=case.backbone,
                placement=placement,
                image_size=case.image_size,
                num_classes=case.num_classes,
            )
            for placement in (Placement.uniform(StageChoice(), len(case.backbone.units)), *case.placements.values())
        )
        with plain.user_errors():
            reference = Counts(plain)
        rows: list[dict[str, Any]] = []
        for name, subject in zip(case.placements, subjects, strict=True):
            with subject.user_errors():
                counts = reference if subject == plain else Counts(subject)
                counted = {column: (getattr(counts, column), getattr(reference, column)) for column in COUNTS}
            row: dict[str, Any] = {"backbone": case.backbone.text, "name": name, "placement": str(subject.placement)}
            row["image_size"] = case.image_size
            for column, (count, base) in counted.items():
                row |= {
                    column: count,
                    f"extra_{column}": count - base,
                    f"extra_{column}_percent": 100 * (count - base) / base,
                }
            rows.append(row)
        if timing is not None:
            conditions = describe_timing(timing)
            own = next((each for each in subjects if each.holds_own_code), plain)
            with own.user_errors():
                times = list(measured(plain, subjects, timing))
            for row, columns in zip(rows, times, strict=True):
                row |= columns | conditions
        records += rows
    return records


def compare_published(sources: Sequence[str]) -> list[dict[str, Any]]:
    """Return the published figures of some sources (of all without one) beside seplace's, one record each."""
    wanted = figures(sources)
    from seplace.bench.measuring import Counts, Subject

    known: dict[tuple[str, str], Counts] = {}
    rows = []
    for figure in wanted:
        key = (figure.backbone, figure.placement)
        if key not in known:
            backbone = describe(figure.backbone)
            known[key] = Counts(
                Subject(
                    backbone=backbone,
                    placement=_named(figure.placement, backbone)[1],
                    image_size=backbone.image_size,
                    num_classes=backbone.num_classes,
                )
            )
        rows.append(figure.compare(known[key]))
    return rows
