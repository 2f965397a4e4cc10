"""Search spaces: every placement that a backbone may take, never as a list.

A space is a product, one tuple of choices a stage, so it is counted, indexed and walked by arithmetic.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions, Init
from seplace.backbones.backbone import Backbone, Granularity, describe
from seplace.documents import Document, Keys, Problem, read_document, refuse, spelled
from seplace.errors import InputError, InvalidPlacement, InvalidSpace, UnknownName
from seplace.placement import Placement, StageChoice
from seplace.registry import Member, import_from
from seplace.shapes import Block, Checked, Schema, check_shape
from seplace.shipped import is_name, locate, name_of
from seplace.yardsticks import yardsticks


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A backbone and, for each of its stages, the choices that a search may make there."""

    name: str
    backbone: Backbone
    choices: tuple[tuple[StageChoice, ...], ...]
    """One tuple a stage, without repeats; their order is the order of the space."""
    gate: GateOptions
    variants: tuple[Backbone, ...] = ()
    """Other backbones with as many stages, wider or deeper ones say, that a placement may name instead."""

    def __post_init__(self) -> None:
        stages = len(self.backbone.units)
        if len(self.choices) != stages:
            raise InvalidSpace(
                f"backbone {self.backbone.text} has {stages} {self.backbone.granularity}s (got {len(self.choices)})"
            )
        for number, choices in enumerate(self.choices, start=1):
            if not choices:
                raise InvalidSpace(f"stage {number} has no choice; write none where no module may stand")
            repeated = next((each for at, each in enumerate(choices) if each in choices[:at]), None)
            if repeated is not None:
                raise InvalidSpace(f"stage {number} lists {repeated} twice")
            for choice in choices:
                if problem := choice_problem(self.backbone, choice, stage=number, init=self.gate.init):
                    raise InvalidSpace(problem)
        for variant in self.variants:
            if problem := self._variant_problem(variant):
                raise InvalidSpace(problem)
        if math.prod(map(len, self.choices)) * len(self.backbones) > sys.maxsize:
            raise InvalidSpace(f"a space has at most {sys.maxsize:,} members")
        if not self.variants and all(choice.module == "none" for choices in self.choices for choice in choices):
            raise InvalidSpace("the only member of the space is the plain backbone; nothing can be searched")

    @cached_property
    def backbones(self) -> dict[str, Backbone]:
        """The backbones by what a placement names them with: the first by nothing."""
        return {"": self.backbone} | {variant.text: variant for variant in self.variants}

    def backbone_of(self, placement: Placement) -> Backbone:
        """Return the backbone that a placement is for; InvalidPlacement if the space has none of that name."""
        if placement.variant not in self.backbones:
            known = ", ".join(self.backbones).removeprefix(", ") or "none but its own"
            raise InvalidPlacement(f"{placement}: space {self.name} has no such backbone (known: {known})")
        return self.backbones[placement.variant]

    @property
    def yardsticks(self) -> dict[str, Placement]:
        """The placements that anyone would try by hand, by name."""
        return yardsticks(self.backbone, variants=self.variants)

    def __len__(self) -> int:
        return math.prod(map(len, self.choices)) * len(self.backbones)

    def __iter__(self) -> Iterator[Placement]:
        for variant in self.backbones:
            for choices in itertools.product(*self.choices):
                yield Placement(choices, variant)

    def __contains__(self, placement: object) -> bool:
        return (
            isinstance(placement, Placement)
            and placement.variant in self.backbones
            and len(placement) == len(self.choices)
            and all(choice in known for choice, known in zip(placement.choices, self._positions, strict=True))
        )

    def indices(self, placement: Placement) -> tuple[int, ...]:
        """Return the backbone's position and each stage's among its choices, from 0; InvalidPlacement for no member."""
        if placement not in self:
            self._refuse_stranger(placement)
        return (
            list(self.backbones).index(placement.variant),
            *(known[choice] for choice, known in zip(placement.choices, self._positions, strict=True)),
        )

    def index(self, placement: Placement) -> int:
        """Return the position in the order of iteration, from 0; InvalidPlacement for no member."""
        index, *positions = self.indices(placement)
        for position, choices in zip(positions, self.choices, strict=True):
            index = index * len(choices) + position
        return index

    def placement_at(self, index: int) -> Placement:
        """Return the member at a position in the order of iteration, from 0; IndexError outside."""
        if not 0 <= index < len(self):
            raise IndexError(f"space {self.name} has {len(self)} members (got index {index})")
        chosen = []
        for choices in reversed(self.choices):
            index, position = divmod(index, len(choices))
            chosen.append(choices[position])
        return Placement(tuple(reversed(chosen)), list(self.backbones)[index])

    def neighbours(self, placement: Placement) -> tuple[Placement, ...]:
        """Return the members that differ in one stage, or in the backbone, only; InvalidPlacement for no member."""
        if placement not in self:
            self._refuse_stranger(placement)
        chosen = placement.choices
        others = [Placement(chosen, variant) for variant in self.backbones if variant != placement.variant]
        return (
            *others,
            *(
                Placement((*chosen[:stage], other, *chosen[stage + 1 :]), placement.variant)
                for stage, choices in enumerate(self.choices)
                for other in choices
                if other != chosen[stage]
            ),
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of what the space means; not of its name.

        The order of the choices counts, since a sampler's proposals depend on it.
        """
        meaning: dict[str, Any] = {
            "backbone": self.backbone.text,
            "choices": [[str(choice) for choice in choices] for choices in self.choices],
            "gate": asdict(self.gate),
        }
        # Left out where a space has neither, as those of version 0.1: their studies go on.
        if self.backbone.granularity != "stage":
            meaning["granularity"] = self.backbone.granularity
        if self.variants:
            meaning["variants"] = [variant.text for variant in self.variants]
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _positions(self) -> tuple[dict[StageChoice, int], ...]:
        return tuple({choice: at for at, choice in enumerate(choices)} for choices in self.choices)

    def _variant_problem(self, variant: Backbone) -> str | None:
        if list(self.backbones).count(variant.text) > 1 or variant.text == self.backbone.text:
            return f"backbone {variant.text} is listed twice"
        if len(variant.units) != len(self.choices):
            noun = f"{variant.granularity}s"
            return f"backbone {variant.text} has {len(variant.units)} {noun}, {self.backbone.text} {len(self.choices)}"
        problems = (
            choice_problem(variant, choice, stage=number, init=self.gate.init)
            for number, choices in enumerate(self.choices, start=1)
            for choice in choices
        )
        return next((f"backbone {variant.text}: {problem}" for problem in problems if problem), None)

    def _refuse_stranger(self, placement: Placement) -> None:
        check_placement(self.backbone_of(placement), placement, init=self.gate.init)
        pairs = zip(placement.choices, self.choices, strict=True)
        stage, choice = next((at, one) for at, (one, known) in enumerate(pairs, start=1) if one not in known)
        listed = ", ".join(map(str, self.choices[stage - 1]))
        rule = f"stage {stage} has no {choice} (only {listed})"
        raise InvalidPlacement(f"{placement} is not in space {self.name}: {rule}")


def site_problem(backbone: Backbone, choice: StageChoice, *, stage: int, init: Init) -> str | None:
    """Say why the blocks of a stage (from 1) do not take a module or its attachment, or return None."""
    place = f"{backbone.granularity} {stage}"
    described = backbone.units[stage - 1]
    if choice.name == "none":
        return None
    if choice.name == "paper":
        return None if described.has_paper_gate else f"{place}: {backbone.text} has no attention of its paper's there"
    if choice.attachment not in described.widths:
        taken = ", ".join(described.widths)
        only = "; exit is for stages of several blocks" if choice.attachment == "exit" else ""
        return f"{place}: the blocks of {backbone.text} do not take {choice.attachment} (they take {taken}{only})"
    if choice.attachment == "parallel" and init == "identity" and "cross" not in described.widths:
        return f"{place}: parallel doubles the output of a block without a shortcut; take serial, or init: paper"
    return None


def hidden_unit_problem(backbone: Backbone, choice: StageChoice, *, stage: int) -> str | None:
    """Say why a choice in a stage (from 1) leaves a module without a hidden unit, or return None.

    With fewer channels C than the ratio r, C // r is 0 and the gate is constant: a dead module.
    """
    unit = backbone.units[stage - 1]
    width = unit.widths.get(choice.attachment)
    if choice.options.get("reduced_from") == "input":
        width = min(site.in_channels for site in unit.sites)
    if choice.ratio is None or width is None or width // choice.ratio >= 1:
        return None
    place = f"{backbone.granularity} {stage}"
    return f"{place}: {choice} leaves no hidden unit (C = {width} channels, r = {choice.ratio})"


def choice_problem(backbone: Backbone, choice: StageChoice, *, stage: int, init: Init) -> str | None:
    """Say why a choice cannot stand in a stage (from 1), or return None."""
    return site_problem(backbone, choice, stage=stage, init=init) or hidden_unit_problem(backbone, choice, stage=stage)


def check_placement(backbone: Backbone, placement: Placement, *, init: Init) -> None:
    """Refuse (InvalidPlacement) a wrong number of stages, or a choice that its stage does not take."""
    stages = len(backbone.units)
    if len(placement) != stages:
        raise InvalidPlacement(
            f"{placement}: backbone {backbone.text} has {stages} {backbone.granularity}s (got {len(placement)})"
        )
    for stage, choice in enumerate(placement.choices, start=1):
        if problem := choice_problem(backbone, choice, stage=stage, init=init):
            raise InvalidPlacement(f"{placement}: {problem}")


def load_space(place: str | Path) -> SearchSpace:
    """Read a space from a file, or by a shipped name; InvalidStudy lists all that is wrong with it."""
    path = place if isinstance(place, Path) else locate("search_spaces", place, relative_to=None)
    document, problems = read_document(path)
    space = None
    if document is not None:
        space, more = space_of(document, name=name_of(path.name))
        problems += more
    if space is None or problems:
        refuse(problems)
    return space


def space_of(document: Document, *, name: str) -> tuple[SearchSpace | None, list[Problem]]:
    """Return the space that a document describes, or None and all problems with it."""
    import_from(Path(document.file).parent)
    checked = check_shape(document, _SpaceFile)
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
    stages = [_StageReader(checked, base, problems).choices() for base in bases]
    if len(stages) == 1 and bases[0] == ("choices",) and backbone is not None:
        stages *= len(backbone.units)
        bases *= len(backbone.units)
    if backbone is not None:
        init: Init = checked.sound("gate", "init") or "paper"
        problems += _misfits(document, backbone, list(zip(bases, stages, strict=True)), init=init)
    if problems or backbone is None or checked.block is None:
        return None, problems
    gate = GateOptions(init=checked.block.gate.init, min_hidden=checked.block.gate.min_hidden)
    choices = tuple(tuple(located) for located in stages)
    try:
        return SearchSpace(name=name, backbone=backbone, choices=choices, gate=gate, variants=tuple(variants)), []
    except InvalidSpace as error:
        at: Keys = ("variants",) if variants and str(error).startswith("backbone ") else bases[0][:1]
        return None, [document.problem(at, str(error))]


_Some = Annotated[tuple[str, ...], Field(min_length=1)]


class _Gate(Block):
    init: Init
    min_hidden: Annotated[int, Field(ge=1)] = 1


class _Choices(Block):
    modules: _Some
    ratios: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] | None = None
    attachments: _Some = ("serial",)


class _SpaceFile(Block):
    schema_version: Schema = Field(alias="schema")
    backbone: str
    variants: tuple[str, ...] = ()
    granularity: Granularity = "stage"
    gate: _Gate
    choices: _Choices | None = None
    stages: Annotated[tuple[_Choices, ...], Field(min_length=1)] | None = None


def _backbone(checked: Checked[_SpaceFile], problems: list[Problem], *keys: str | int) -> Backbone | None:
    keys = keys or ("backbone",)
    text = checked.sound(*keys)
    if text is None:
        return None
    try:
        return describe(text)
    except UnknownName as error:
        problems.append(checked.document.unknown_name(keys, error))
    except InputError as error:
        problems.append(checked.document.problem(keys, str(error)))
    return None


def _choice_blocks(checked: Checked[_SpaceFile], backbone: Backbone | None, problems: list[Problem]) -> list[Keys]:
    """Return where the blocks of choices stand: one for all stages, or one a stage."""
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
class _Places:
    """Where a choice is written in a file."""

    ratio: Keys
    """Its ratio, or its module if it has none."""
    attachment: Keys
    """Its attachment; the block, or the module, where none is written."""


class _StageReader:
    """Turn one block of a space file into canonical choices, and note what is wrong with it."""

    def __init__(self, checked: Checked[_SpaceFile], base: Keys, problems: list[Problem]) -> None:
        self.checked = checked
        self.base = base
        self.problems = problems

    def choices(self) -> dict[StageChoice, _Places]:
        """Return the choices in order, each with where it is written."""
        modules = self._modules()
        attachments = self._attachments()
        if self.checked.sound(*self.base, "attachments") is None and not self._wrote("attachments"):
            attachments = {"serial": self.base}
        ratios = self._distinct("ratios")
        self._check_ratios(modules)
        found: dict[StageChoice, _Places] = {}
        for module, (member, place) in modules.items():
            if module in ("none", "paper"):
                found[StageChoice(module)] = _Places(ratio=place, attachment=place)
                continue
            pairs: dict[Any, Keys] = {None: place}
            if member.takes_ratio and (ratios or ":" not in module):
                pairs = ratios
            # A module with an attachment of its own takes that; the list is for gates.
            placed = attachments if member.attachments is None else dict.fromkeys(member.attachments, place)
            for (ratio, at), (attachment, where) in itertools.product(pairs.items(), placed.items()):
                found[StageChoice(module, ratio, attachment)] = _Places(ratio=at, attachment=where)
        return found

    def _modules(self) -> dict[str, tuple[Member, Keys]]:
        modules: dict[str, tuple[Member, Keys]] = {}
        for text, keys in self._distinct("modules").items():
            name = text.partition("[")[0]
            if name not in ATTENTION:
                self.problems.append(
                    self.checked.document.unknown_name(keys, UnknownName(ATTENTION.kind, name, ATTENTION))
                )
            elif problem := _module_problem(text):
                self.problems.append(self.checked.document.problem(keys, problem, got=spelled(text)))
            else:
                modules[text] = ATTENTION.member(name), keys
        return modules

    def _attachments(self) -> dict[str, Keys]:
        attachments: dict[str, Keys] = {}
        for name, keys in self._distinct("attachments").items():
            if name not in ATTACHMENTS:
                error = UnknownName(ATTACHMENTS.kind, name, ATTACHMENTS)
                self.problems.append(self.checked.document.unknown_name(keys, error))
            elif not ATTACHMENTS.member(name).takes_gates:
                rule = "comes with its module by itself; list attachments of gates"
                self.problems.append(self.checked.document.problem(keys, rule, got=spelled(name)))
            elif ":" in name:
                rule = "this attachment cannot be written in the text of a placement"
                self.problems.append(self.checked.document.problem(keys, rule, got=spelled(name)))
            else:
                attachments[name] = keys
        return attachments

    def _distinct(self, key: str) -> dict[Any, Keys]:
        """Return the sound elements of a list with their paths; a repeat is a problem."""
        elements: dict[Any, Keys] = {}
        for at in range(len(self.checked.sound(*self.base, key) or ())):
            keys = (*self.base, key, at)
            value = self.checked.sound(*keys)
            if value in elements:
                self.problems.append(self.checked.document.problem(keys, "is listed twice", got=spelled(value)))
            elif value is not None:
                elements[value] = keys
        return elements

    def _check_ratios(self, modules: dict[str, tuple[Member, Keys]]) -> None:
        if not self.checked.sound(*self.base, "modules"):
            return  # refused already; nothing follows about ratios
        needing = [name for name, (member, _) in modules.items() if ":" not in name and member.takes_ratio]
        keys = (*self.base, "ratios")
        if needing and not self._wrote("ratios"):
            rule = f"is missing; {needing[0]} needs reduction ratios, such as [4, 8, 16]"
            self.problems.append(self.checked.document.problem(keys, rule))
        all_known = len(modules) == len(set(self.checked.sound(*self.base, "modules")))
        if all_known and not needing and self._wrote("ratios") and not any(":" in name for name in modules):
            rule = f"none of {', '.join(modules)} has a reduction ratio; leave ratios out"
            self.problems.append(self.checked.document.problem(keys, rule, at_key=True))

    def _wrote(self, key: str) -> bool:
        block: Any = self.checked.sound(*self.base)
        return isinstance(block, dict) and block.get(key) is not None


_UNWRITABLE = "this attention module cannot be written in the text of a placement"


def _module_problem(text: str) -> str | None:
    """Say what is wrong with a module's options, or with an import path that the text of a placement cannot hold."""
    member = ATTENTION.member(text.partition("[")[0])
    ratio = 1 if member.takes_ratio else None
    try:
        choice = StageChoice(text, ratio, (member.attachments or ("serial",))[0])
        return None if StageChoice.parse(str(choice)) == choice else _UNWRITABLE
    except InvalidPlacement as error:
        return _UNWRITABLE if ":" in text else str(error)


def _misfits(
    document: Document, backbone: Backbone, stages: list[tuple[Keys, dict[StageChoice, _Places]]], *, init: Init
) -> list[Problem]:
    """Return one problem for each ratio, attachment or module that some stage cannot take."""
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
    return [document.problem(keys, "; ".join(lines)) for keys, lines in rules.items()]
