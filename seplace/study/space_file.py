"""Search space files: YAML is read into a SearchSpace, or all problems are reported with line and column."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions, Init
from seplace.attention.signature import signature_of
from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone, Granularity, NoBlocksToName
from seplace.backbones.describe import describe
from seplace.errors import DataError, InputError, InvalidBlocks, InvalidPlacement, InvalidSpace, UnknownName, check_type
from seplace.files.former_words import current_space_values
from seplace.files.schema import Checked, Schema, Section, check_shape
from seplace.files.shipped import is_name, locate, name_of
from seplace.files.yaml_reader import Document, Keys, Problem, read_document, refuse, spelled
from seplace.placement import StageChoice, canonical_module
from seplace.space import SearchSpace, hidden_unit_problem, site_problem
from seplace.user_modules import import_from, is_import_path


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
        space, more = space_of(document, name=name_of(path.name))
        problems += more
    if space is None or problems:
        refuse(problems)
    return space


def space_of(document: Document, *, name: str, is_copy: bool = False) -> tuple[SearchSpace | None, list[Problem]]:
    """Return the space that a document describes, or None and all problems with it.

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
        problems.append(Problem(file=document.file, rule="a space needs a valid name", got=spelled(name)))
    backbone = _backbone(checked, problems)
    granularity: Granularity = checked.sound("granularity") or "stage"
    if backbone is not None:
        backbone = replace(backbone, granularity=granularity)
    named = [_backbone(checked, problems, "variants", at) for at in range(len(checked.sound("variants") or ()))]
    variants = [replace(variant, granularity=granularity) for variant in named if variant is not None]
    bases = _choice_blocks(checked, backbone, problems)
    stages = [_StageReader(checked, base, problems, is_copy=is_copy).choices() for base in bases]
    if len(stages) == 1 and bases[0] == ("choices",) and backbone is not None:
        stages *= len(backbone.units)
        bases *= len(backbone.units)
    if backbone is not None:
        init: Init = checked.sound("gate", "init") or "paper"
        problems += _misfits(document, backbone, list(zip(bases, stages, strict=True)), init=init)
    if problems or backbone is None or checked.section is None:
        return None, problems
    gate = GateOptions(init=checked.section.gate.init, min_hidden=checked.section.gate.min_hidden)
    choices = tuple(tuple(located) for located in stages)
    try:
        return SearchSpace(name=name, backbone=backbone, choices=choices, gate=gate, variants=tuple(variants)), []
    except InvalidSpace as error:
        at: Keys = ("variants",) if variants and str(error).startswith("backbone ") else bases[0][:1]
        return None, [document.problem(at, str(error))]


MAX_CHOICES = 1000
"""The most choices of a stage: modules times ratios times attachments."""
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


def _backbone(checked: Checked[SpaceFile], problems: list[Problem], *keys: str | int) -> Backbone | None:
    keys = keys or ("backbone",)
    text = checked.sound(*keys)
    if text is None:
        return None
    if any(refused[:1] == ("blocks",) for refused in checked.refused):
        return None
    blocks = checked.sound("blocks") or ()
    try:
        return describe(text, blocks=tuple(blocks))
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


@dataclass(frozen=True, kw_only=True)
class _Module:
    """A module in a file."""

    keys: Keys
    takes_ratio: bool
    needs_ratio: bool
    attachments: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class _Places:
    """The positions of a choice in a file."""

    ratio: Keys
    """The keys of its ratio, or of its module if it has none."""
    attachment: Keys
    """The keys of its attachment; where none is given, of the section or the module."""


class _StageReader:
    """Turns a section of a space file into canonical choices, and notes its problems."""

    def __init__(self, checked: Checked[SpaceFile], base: Keys, problems: list[Problem], *, is_copy: bool) -> None:
        self.checked = checked
        self.base = base
        self.problems = problems
        self.is_copy = is_copy

    def choices(self) -> dict[StageChoice, _Places]:
        """Return the choices in order, each with its positions."""
        modules = self._modules()
        attachments = self._attachments()
        if self.checked.sound(*self.base, "attachments") is None and not self._wrote("attachments"):
            attachments = {"serial": self.base}
        ratios = self._distinct("ratios")
        self._check_ratios(modules)
        if (count := len(modules) * max(len(ratios), 1) * max(len(attachments), 1)) > MAX_CHOICES:
            rule = f"modules, ratios and attachments make {count:,} choices; a stage has at most {MAX_CHOICES:,}"
            self.problems.append(self.checked.document.problem(self.base, rule))
            return {}
        found: dict[StageChoice, _Places] = {}
        for module, listed in modules.items():
            place = listed.keys
            if module in ("none", "native"):
                found[StageChoice(module)] = _Places(ratio=place, attachment=place)
                continue
            pairs: dict[Any, Keys] = {None: place}
            if listed.needs_ratio or (listed.takes_ratio and ratios):
                pairs = ratios
            # A module with attachments of its own takes those; the list is for gates.
            placed = attachments if listed.attachments is None else dict.fromkeys(listed.attachments, place)
            for (ratio, at), (attachment, where) in itertools.product(pairs.items(), placed.items()):
                found[StageChoice(module, ratio, attachment)] = _Places(ratio=at, attachment=where)
        return found

    def _modules(self) -> dict[str, _Module]:
        modules: dict[str, _Module] = {}
        for text, keys in self._distinct("modules").items():
            name = text.partition("[")[0]
            if name not in ATTENTION:
                self.problems.append(
                    self.checked.document.unknown_name(keys, UnknownName(ATTENTION.kind, name, ATTENTION))
                )
            elif problem := _module_problem(text):
                self.problems.append(self.checked.document.problem(keys, problem, got=spelled(text)))
            elif ATTENTION.entry(name).has_signature:
                self._add_own(name, keys, modules)
            else:
                candidate = ATTENTION.entry(name)
                has_ratio = candidate.takes_ratio
                modules[text] = _Module(
                    keys=keys, takes_ratio=has_ratio, needs_ratio=has_ratio, attachments=candidate.attachments
                )
        return modules

    def _add_own(self, name: str, keys: Keys, modules: dict[str, _Module]) -> None:
        """Import a module of the user's own and add it, or note why that fails."""
        takes_ratio, needs_ratio, problem = True, False, None
        if not self.is_copy:
            try:
                signature = signature_of(name)
                takes_ratio, needs_ratio = signature.takes_ratio, signature.needs_ratio
                problem = signature.problem and f"{name} {signature.problem}"
            except InputError as error:
                problem = str(error)
        if problem:
            self.problems.append(self.checked.document.problem(keys, problem))
            return
        modules[name] = _Module(keys=keys, takes_ratio=takes_ratio, needs_ratio=needs_ratio, attachments=None)

    def _attachments(self) -> dict[str, Keys]:
        attachments: dict[str, Keys] = {}
        for name, keys in self._distinct("attachments").items():
            if name not in ATTACHMENTS:
                error = UnknownName(ATTACHMENTS.kind, name, ATTACHMENTS)
                self.problems.append(self.checked.document.unknown_name(keys, error))
            elif not ATTACHMENTS.entry(name).takes_gates:
                rule = "comes with its module; list attachments of gates only"
                self.problems.append(self.checked.document.problem(keys, rule, got=spelled(name)))
            elif not self.is_copy and (problem := _attachment_problem(name)):
                self.problems.append(self.checked.document.problem(keys, problem))
            else:
                attachments[name] = keys
        return attachments

    def _distinct(self, key: str) -> dict[Any, Keys]:
        """Return the valid elements of a list with their keys, and note repeats."""
        elements: dict[Any, Keys] = {}
        for at in range(len(self.checked.sound(*self.base, key) or ())):
            keys = (*self.base, key, at)
            value = self.checked.sound(*keys)
            if value in elements:
                self.problems.append(self.checked.document.problem(keys, "is listed twice", got=spelled(value)))
            elif value is not None:
                elements[value] = keys
        return elements

    def _check_ratios(self, modules: dict[str, _Module]) -> None:
        written = self.checked.sound(*self.base, "modules")
        if not written:
            return  # refused already, so that nothing is known about ratios
        needing = [name for name, listed in modules.items() if listed.needs_ratio]
        keys = (*self.base, "ratios")
        if needing and not self._wrote("ratios"):
            rule = f"is missing; {needing[0]} needs reduction ratios, such as [4, 8, 16]"
            self.problems.append(self.checked.document.problem(keys, rule))
        all_known = all(isinstance(each, str) and each in modules for each in written)
        if all_known and self._wrote("ratios") and not any(listed.takes_ratio for listed in modules.values()):
            rule = f"none of {', '.join(modules)} has a reduction ratio; leave ratios out"
            self.problems.append(self.checked.document.problem(keys, rule, at_key=True))

    def _wrote(self, key: str) -> bool:
        block: Any = self.checked.sound(*self.base)
        return isinstance(block, dict) and block.get(key) is not None


_WRITTEN_OUT = 4
_UNWRITABLE = (
    "this attention module cannot be written in the text of a placement: let its name end in a letter, since a ratio "
    "may follow it"
)


def _attachment_problem(name: str) -> str | None:
    """Say why an attachment that is not seplace's own cannot be had, or return None; it is imported for that."""
    if not ATTACHMENTS.is_external(name):
        return None
    try:
        attachment = ATTACHMENTS[name]
    except InputError as error:
        return str(error)
    if not callable(getattr(attachment, "attach", None)):
        return f"attachment {name!r}: has no method attach(block, make)"
    return None


def _module_problem(text: str) -> str | None:
    """Return the problem with a module's options, or with an import path that no placement can contain, or None."""
    candidate = ATTENTION.entry(text.partition("[")[0])
    ratio = 1 if candidate.takes_ratio else None
    try:
        if (canonical := canonical_module(text)) != text:
            return f"write {canonical!r}"  # lists of modules have no ratios
        choice = StageChoice(text, ratio, (candidate.attachments or ("serial",))[0])
        return None if StageChoice.parse(str(choice)) == choice else _UNWRITABLE
    except InvalidPlacement as error:
        return _UNWRITABLE if is_import_path(text) else str(error)


def _misfits(
    document: Document, backbone: Backbone, stages: list[tuple[Keys, dict[StageChoice, _Places]]], *, init: Init
) -> list[Problem]:
    """Return a problem for each ratio, attachment or module that a stage does not take."""
    rules: dict[Keys, list[str]] = {}
    for stage, (_, choices) in enumerate(stages[: len(backbone.units)], start=1):
        seen: set[Keys] = set()
        for choice, places in choices.items():
            found = (
                (places.attachment, site_problem(backbone, choice, stage=stage, init=init)),
                (places.ratio, hidden_unit_problem(backbone, choice, stage=stage)),
            )
            for keys, rule in found:
                if rule and keys not in seen:
                    seen.add(keys)
                    rules.setdefault(keys, []).append(rule)
    return [document.problem(keys, _joined(lines)) for keys, lines in rules.items()]


def _joined(lines: list[str]) -> str:
    """Return the rules of several stages in one text, the first few in full."""
    more = f"; and in {len(lines) - _WRITTEN_OUT} more" if len(lines) > _WRITTEN_OUT else ""
    return "; ".join(lines[:_WRITTEN_OUT]) + more
