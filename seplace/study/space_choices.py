"""The choices of a space file: one section of modules, ratios and attachments for a stage, and its problems."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import Init
from seplace.attention.signature import signature_of
from seplace.backbones.backbone import Backbone
from seplace.errors import InputError, InvalidPlacement, UnknownName
from seplace.files.schema import Checked
from seplace.files.yaml_reader import Document, Keys, Problem, spelled
from seplace.placement import StageChoice, canonical_module
from seplace.space import hidden_unit_problem, site_problem
from seplace.user_modules import is_import_path

MAX_CHOICES = 1000
"""The most choices of a stage: modules times ratios times attachments."""


@dataclass(frozen=True, kw_only=True)
class _Module:
    """A module in a file."""

    keys: Keys
    takes_ratio: bool
    needs_ratio: bool
    attachments: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Places:
    """The positions of a choice in a file."""

    ratio: Keys
    """The keys of its ratio, or of its module if it has none."""
    attachment: Keys
    """The keys of its attachment; where none is given, of the section or the module."""


class StageReader:
    """Turns a section of a space file into canonical choices, and notes its problems."""

    def __init__(self, checked: Checked[Any], base: Keys, problems: list[Problem], *, is_copy: bool) -> None:
        self.checked = checked
        self.base = base
        self.problems = problems
        self.is_copy = is_copy

    def choices(self) -> dict[StageChoice, Places]:
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
        found: dict[StageChoice, Places] = {}
        for module, listed in modules.items():
            place = listed.keys
            if module in ("none", "native"):
                found[StageChoice(module)] = Places(ratio=place, attachment=place)
                continue
            pairs: dict[Any, Keys] = {None: place}
            if listed.needs_ratio or (listed.takes_ratio and ratios):
                pairs = ratios
            # A module with attachments of its own takes those; the list is for gates.
            placed = attachments if listed.attachments is None else dict.fromkeys(listed.attachments, place)
            for (ratio, at), (attachment, where) in itertools.product(pairs.items(), placed.items()):
                found[StageChoice(module, ratio, attachment)] = Places(ratio=at, attachment=where)
        return found | self._further(found)

    def _further(self, found: Collection[StageChoice]) -> dict[StageChoice, Places]:
        """Return the choices that are written whole, beside those that were found."""
        further: dict[StageChoice, Places] = {}
        for text, keys in self._distinct("further").items():
            try:
                choice = StageChoice.parse(text)
            except InvalidPlacement as error:
                self.problems.append(self.checked.document.problem(keys, str(error)))
                continue
            if choice in found:
                rule = "is among the choices of modules, ratios and attachments"
                self.problems.append(self.checked.document.problem(keys, rule, got=spelled(text)))
            else:
                further[choice] = Places(ratio=keys, attachment=keys)
        return further

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


def misfits(
    document: Document, backbone: Backbone, stages: list[tuple[Keys, dict[StageChoice, Places]]], *, init: Init
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
