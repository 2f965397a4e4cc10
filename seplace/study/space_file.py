"""Search space files: YAML is read into a SearchSpace, or all problems are reported with line and column."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from seplace.attention.options import GateOptions, Init
from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone, Granularity, NoBlocksToName
from seplace.backbones.describe import describe
from seplace.errors import DataError, InputError, InvalidBlocks, InvalidSpace, UnknownName, check_type
from seplace.files.former_words import current_space_values
from seplace.files.schema import Checked, Schema, Section, check_shape
from seplace.files.shipped import is_name, locate, name_of
from seplace.files.yaml_reader import Document, Keys, Problem, read_document, refuse, spelled
from seplace.space import SearchSpace
from seplace.study.space_choices import StageReader, misfits
from seplace.user_modules import import_from


def load_space(place: str | Path) -> SearchSpace:
    """Load a search space from a file, or by the name of a shipped one.

    >>> import seplace
    >>> len(seplace.load_space("cifar-resnet20"))
    10648

    Args:
        place: The path of a space file (YAML), or the name of a shipped space.

    Raises:
        InvalidStudy: The file breaks rules; each problem is one line with its place in the file.
        UnknownName: There is no shipped space of that name; the message names the nearest.
        InputError: There is no file at that path.

    """
    check_type("a search space", place, str, Path, said="the path of a file, or the name of a shipped one")
    path = place if isinstance(place, Path) else locate("search_spaces", place, relative_to=None)
    document, problems = read_document(path)
    space = None
    if document is not None:
        space, more = space_of(document, name=name_of(path.name), needs_logits=False)
        problems += more
    if space is None or problems:
        refuse(problems)
    return space


def space_of(
    document: Document, *, name: str, is_copy: bool = False, needs_logits: bool = True
) -> tuple[SearchSpace | None, list[Problem]]:
    """Return the space that a document describes, or None and all problems with it.

    Unless `needs_logits`, as with a training of the user's own, their networks may return anything.

    The signatures of the user's own modules say whether they have a ratio. A copy in a results folder (`is_copy`) is
    read without importing them: they have one where ratios are given, as before version 0.11. Raises DataError for a
    copy with a network of the user's own.
    """
    if not is_copy:
        import_from(Path(document.file).parent)
    document = replace(document, values=current_space_values(document.values))
    checked = check_shape(document, SpaceFile)
    if is_copy:
        _refuse_own_networks(checked)
    problems = list(checked.problems)
    if not is_name(name):
        problems.append(
            Problem(
                file=document.file,
                rule="the name of a space is that of its file: letters, digits, _, . and -",
                got=spelled(name),
            )
        )
    backbone = _backbone(checked, problems, needs_logits=needs_logits)
    granularity: Granularity = checked.sound("granularity") or "stage"
    if backbone is not None:
        backbone = replace(backbone, granularity=granularity)
    named = [
        _backbone(checked, problems, "variants", at, needs_logits=needs_logits)
        for at in range(len(checked.sound("variants") or ()))
    ]
    variants = [replace(variant, granularity=granularity) for variant in named if variant is not None]
    bases = _choice_blocks(checked, backbone, problems)
    stages = [StageReader(checked, base, problems, is_copy=is_copy).choices() for base in bases]
    if len(stages) == 1 and bases[0] == ("choices",) and backbone is not None:
        stages *= len(backbone.units)
        bases *= len(backbone.units)
    if backbone is not None:
        init: Init = checked.sound("gate", "init") or "paper"
        problems += misfits(document, backbone, list(zip(bases, stages, strict=True)), init=init)
    if problems or backbone is None or checked.section is None:
        return None, problems
    gate = GateOptions(init=checked.section.gate.init, min_hidden=checked.section.gate.min_hidden)
    choices = tuple(tuple(located) for located in stages)
    try:
        return SearchSpace(name=name, backbone=backbone, choices=choices, gate=gate, variants=tuple(variants)), []
    except InvalidSpace as error:
        at: Keys = ("variants",) if variants and str(error).startswith("backbone ") else bases[0][:1]
        return None, [document.problem(at, str(error))]


_Some = Annotated[tuple[str, ...], Field(min_length=1, max_length=256)]


_Ratio = Annotated[int, Field(ge=1, le=999_999)]  # as many digits as the text of a placement takes


class GateSection(Section):
    """How all gates of the space are built."""

    init: Init
    """How gates start: `paper`, as the authors of the module draw them, or `identity`, exactly at 1."""
    min_hidden: Annotated[int, Field(ge=1, le=65_536)] = 1
    """The least number of hidden units that a reduction ratio leaves."""


class ChoicesSection(Section):
    """The choices of a stage: every module, with every ratio and attachment that it takes."""

    modules: _Some
    """Attention modules: names of seplace.attention, with options in brackets, or `package.module:object`."""
    ratios: Annotated[tuple[_Ratio, ...], Field(min_length=1, max_length=256)] | None = None
    """Reduction ratios, channels over hidden units, of the modules that have one."""
    attachments: _Some = ("serial",)
    """How a gate joins a block: serial, parallel, cross, another name of seplace.attachments."""
    further: _Some = ()
    """Further choices, each written whole as in the text of a placement: `se4.pre`."""


class SpaceFile(Section):
    """A search space file; what its backbone takes is checked by `load_space`."""

    schema_version: Schema = Field(alias="schema")
    """The version of the file format, 1."""
    backbone: str
    """The network: a name of seplace.backbones, with options in brackets, or `package.module:object`."""
    variants: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    """Other backbones with as many stages, wider or deeper ones, that a placement may name instead."""
    blocks: _Some | None = None
    """The paths of the blocks of a network of your own; by default they are found."""
    granularity: Granularity = "stage"
    """`stage` makes one choice for all blocks of a resolution, `block` one for each block."""
    gate: GateSection
    """How all gates of the space are built."""
    choices: ChoicesSection | None = None
    """The choices of every stage; write either this or `stages`."""
    stages: Annotated[tuple[ChoicesSection, ...], Field(min_length=1, max_length=1000)] | None = None
    """The choices of each stage, one entry a stage; write either this or `choices`."""


def _backbone(
    checked: Checked[SpaceFile], problems: list[Problem], *keys: str | int, needs_logits: bool
) -> Backbone | None:
    keys = keys or ("backbone",)
    text = checked.sound(*keys)
    if text is None:
        return None
    if any(refused[:1] == ("blocks",) for refused in checked.refused):
        return None
    blocks = checked.sound("blocks") or ()
    try:
        return describe(text, blocks=tuple(blocks), needs_logits=needs_logits)
    except NoBlocksToName as error:
        problems.append(checked.document.problem(("blocks",), str(error), at_key=True))
    except InvalidBlocks as error:
        for at, name, fault in error.faults:
            problems.append(checked.document.problem(("blocks", at), f"{text}: {fault}", got=spelled(name)))
    except UnknownName as error:
        problems.append(checked.document.unknown_name(keys, error))
    except InputError as error:
        problems.append(checked.document.problem(keys, str(error)))
    return None


def _refuse_own_networks(checked: Checked[SpaceFile]) -> None:
    """Raise DataError for the copy of a space whose network cannot be described without the user's code."""
    folder = Path(checked.document.file).parent
    for text in (checked.sound("backbone"), *(checked.sound("variants") or ())):
        if text is not None and BACKBONES.is_external(text.partition("[")[0]):
            raise DataError(
                f"{folder}: these results are of seplace 0.10, which stored no description of the network {text}, and "
                f"reading results does not import it. Run their study again: seplace run STUDY --results {folder}"
            )


def _choice_blocks(checked: Checked[SpaceFile], backbone: Backbone | None, problems: list[Problem]) -> list[Keys]:
    """Return the keys of the sections of choices: one for all stages, or one a stage."""
    document = checked.document
    if () in checked.refused:
        return []
    shared, single = (document.values.get(key) is not None for key in ("choices", "stages"))
    if shared and single:
        rule = "write either choices, the same for every stage, or stages, one entry a stage, not both"
        problems.append(document.problem(("stages",), rule, at_key=True))
        return []
    if not shared and not single:
        rule = "is missing; write choices, the same for every stage, or stages, one entry a stage"
        problems.append(document.problem(("choices",), rule))
    bases: list[Keys] = []
    if shared and checked.sound("choices") is not None:
        bases.append(("choices",))
    if single and (stages := checked.sound("stages")) is not None:
        bases += [("stages", at) for at in range(len(stages))]
        if backbone is not None and len(stages) != len(backbone.units):
            held = f"{len(backbone.units)} {backbone.granularity}s"
            rule = f"backbone {backbone.text} has {held}, so write that many entries"
            problems.append(document.problem(("stages",), rule, got=spelled(len(stages))))
    return bases
