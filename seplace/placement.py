"""Placements: which attention module stands in which stage, as a frozen value with one canonical text.

`none-se16-eca.parallel-cbam8.cross` is stages joined by `-`, each a module, its reduction ratio, and `.attachment`
where that is not `serial`. A module may have options: `se[squeeze=max]16`. In a space of several backbones another
than the first is named at the end: `none-none-none-none@resnet50[width=1.25]`. Two spellings of one network do not
exist: a text that is not canonical is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.entry import NAME, AttentionEntry
from seplace.errors import InvalidPlacement, UnknownName, check_type, did_you_mean, quoted
from seplace.files.former_words import current_choice
from seplace.stage_strip import stage_strip
from seplace.user_modules import is_import_path

_CHOICE = re.compile(
    rf"(?P<module>{NAME.pattern}(?:\[[\w=,]*\])?|[A-Za-z_][\w.]*:[A-Za-z_]\w*?)"
    r"(?P<ratio>\d{1,6})?(?:\.(?P<attachment>\w+)|\+(?P<own>[A-Za-z_][\w.]*:[A-Za-z_]\w*))?"
)
_MODULE = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<options>[^\[\]]*)\])?")
_VARIANT = re.compile(r"[\w.:]+(?:\[[\w=.,]*\])?", re.ASCII)
MAX_CHARACTERS = 100_000
"""The longest text of a placement: hundreds of blocks, each with a module and its options."""
MAX_STAGE_CHARACTERS = 255
_WITHOUT_ATTACHMENT = ("none", "native")
_USUAL_RATIO = 16
"""The ratio that an error proposes where a ratio is missing."""


@dataclass(frozen=True, order=True)
class StageChoice:
    """The choice in one stage: a module, its reduction ratio r (channels C over hidden units h), an attachment."""

    module: str = "none"
    """A name of seplace.attention, with its options in brackets, or an import path."""
    ratio: int | None = None
    attachment: str = "serial"

    def __post_init__(self) -> None:
        if len(self.module) + len(self.attachment) > MAX_STAGE_CHARACTERS:
            raise InvalidPlacement(f"{quoted(self.module)}: a choice has at most {MAX_STAGE_CHARACTERS} characters")
        try:
            entry = ATTENTION.entry(self.name)
            joined_by = ATTACHMENTS.entry(self.attachment)
            module = canonical_module(self.module)
        except UnknownName as error:
            raise InvalidPlacement(str(error)) from error
        taken = ("serial",) if self.name in _WITHOUT_ATTACHMENT else entry.attachments
        attachment = self.attachment if taken is None or self.attachment in taken else taken[0]
        lacks_ratio = self.ratio is None and entry.takes_ratio and not entry.has_signature
        # The proposed text is canonical in every respect, not only in the one that is refused first.
        canonical = StageChoice._text(
            module, (_USUAL_RATIO if lacks_ratio else self.ratio) if entry.takes_ratio else None, attachment
        )
        if self.ratio is not None and self.ratio < 1:
            raise InvalidPlacement(f"{self}: a reduction ratio is at least 1")
        if taken is None and not joined_by.takes_gates:
            raise InvalidPlacement(f"{self}: {self.name} is a gate, and {self.attachment} takes none")
        if self.ratio is not None and not entry.takes_ratio:
            raise InvalidPlacement(f"{self}: {self.name} has no reduction ratio; write {canonical!r}")
        if attachment != self.attachment and self.name in _WITHOUT_ATTACHMENT:
            raise InvalidPlacement(f"{self}: {self.name} has no attachment; write {canonical!r}")
        if attachment != self.attachment and taken is not None:
            raise InvalidPlacement(f"{self}: {self.name} takes {' '.join(taken)} only; write {canonical!r}")
        if lacks_ratio:
            raise InvalidPlacement(f"{self}: {self.name} needs a reduction ratio, such as {canonical}")
        if module != self.module:
            raise InvalidPlacement(f"{self}: write {canonical!r}")

    @property
    def name(self) -> str:
        """The module's name without its options."""
        return self.module.partition("[")[0]

    @property
    def is_external(self) -> bool:
        """Whether the module or its attachment is not seplace's own."""
        return ATTENTION.is_external(self.name) or ATTACHMENTS.is_external(self.attachment)

    @cached_property
    def options(self) -> dict[str, str]:
        """The module's options that are not at their defaults, as text."""
        match = _MODULE.fullmatch(self.module)
        if match is None:
            raise InvalidPlacement(f"{quoted(self.module)} is no module; write for example se or se[squeeze=max]")
        return _options_in(match["options"])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of one stage, such as `se16.parallel`; raises InvalidPlacement with the canonical spelling."""
        text = current_choice(text)
        match = _CHOICE.fullmatch(text) if len(text) <= MAX_STAGE_CHARACTERS else None
        if match is None:
            raise InvalidPlacement(
                f"{quoted(text)} is not a stage's choice; write for example none, se16 or eca.parallel"
            )
        module, ratio, attachment, own = match.group("module", "ratio", "attachment", "own")
        choice = cls(module, None if ratio is None else int(ratio), attachment or own or "serial")
        if str(choice) != text:
            raise InvalidPlacement(f"{text!r}: write {str(choice)!r}")
        return choice

    @staticmethod
    def _text(module: str, ratio: int | None, attachment: str) -> str:
        # After a dot, an import path could be mistaken for that of a module.
        suffix = "" if attachment == "serial" else f"{'+' if is_import_path(attachment) else '.'}{attachment}"
        return f"{module}{'' if ratio is None else ratio}{suffix}"

    def __str__(self) -> str:
        return self._text(self.module, self.ratio, self.attachment)


def canonical_module(text: str) -> str:
    """Return a module with its options sorted, without those at their defaults or idle, such as `se[squeeze=max]`.

    Raises InvalidPlacement for text that is not a module, or for an option that the module does not have, and
    UnknownName for a module that is not known.
    """
    match = _MODULE.fullmatch(text)
    if match is None:
        raise InvalidPlacement(f"{text!r} is no module; write for example se or se[squeeze=max]")
    return (
        f"{match['name']}{_options_text(match['name'], _options_in(match['options']), ATTENTION.entry(match['name']))}"
    )


def _options_in(text: str | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    return {key: value for key, _, value in pairs}


def _options_text(name: str, options: Mapping[str, str], entry: AttentionEntry) -> str:
    """Return options in their canonical form; raises InvalidPlacement for one that the module does not have."""
    for key, value in options.items():
        if key not in entry.options:
            known = ", ".join(entry.options) or "none"
            raise InvalidPlacement(f"{name}: unknown option {key!r}{did_you_mean(key, entry.options)} (known: {known})")
        values = entry.options[key]
        if values and value not in values:
            raise InvalidPlacement(
                f"{name}: {key} is one of {', '.join(values)} (got {value!r}){did_you_mean(value, values)}"
            )
        if not values and not (value.isdecimal() and value.isascii() and str(int(value)) == value and int(value)):
            raise InvalidPlacement(f"{name}: {key} is a whole number of at least 1 (got {value!r})")
    idle = {each for key, value in options.items() for each in entry.idle.get(f"{key}={value}", ())}
    changed = [
        f"{key}={options[key]}"
        for key in sorted(options.keys() - idle)
        if options[key] != next(iter(entry.options[key]), None)
    ]
    return f"[{','.join(changed)}]" if changed else ""


@dataclass(frozen=True, order=True)
class Placement:
    """A placement of attention modules: one choice for each stage of a backbone.

    Its text joins the choices by `-`, stage 1 (the first stage of blocks) first. A choice is a module of
    `list_modules`, its reduction ratio where it takes one, and `.attachment` where that is not `serial`; `none` leaves
    the stage as it is. Placements are immutable, equal if their texts are, and can be keys of a dictionary.

    >>> import seplace
    >>> placement = seplace.Placement.parse("none-se16-eca.parallel")
    >>> len(placement), str(placement.choices[1]), placement.is_plain
    (3, 'se16', False)
    >>> print(placement)
    none-se16-eca.parallel
    >>> seplace.Placement.parse("none-se-none")
    Traceback (most recent call last):
        ...
    seplace.errors.InvalidPlacement: placement 'none-se-none', stage 2: se: se needs a reduction ratio, such as se16
    """

    choices: tuple[StageChoice, ...]
    variant: str = ""
    """The text of the backbone where that is not the space's first one, as after `@` in the placement's text."""

    def __repr__(self) -> str:
        return f"Placement.parse({str(self)!r})"

    def _repr_html_(self) -> str:
        return stage_strip([str(choice) for choice in self.choices], variant=self.variant)

    def __post_init__(self) -> None:
        if not self.choices:
            raise InvalidPlacement("a placement needs at least one stage")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a placement, such as `none-se16-eca`; raises InvalidPlacement, which says what to write."""
        check_type("a placement", text, str, said="a text such as none-se16-eca")
        choices = []
        if len(text) > MAX_CHARACTERS:
            raise InvalidPlacement(f"placement {quoted(text)}: it has more than {MAX_CHARACTERS:,} characters")
        stages, at, variant = text.partition("@")
        if at and not _VARIANT.fullmatch(variant):
            raise InvalidPlacement(
                f"placement {quoted(text)}: after @ stands a backbone, such as @cifar_resnet20[width=1.25]"
            )
        for stage, part in enumerate(stages.split("-"), start=1):
            try:
                choices.append(StageChoice.parse(part))
            except InvalidPlacement as error:
                raise InvalidPlacement(f"placement {quoted(text)}, stage {stage}: {error}") from error
        return cls(tuple(choices), variant)

    @classmethod
    def uniform(cls, choice: StageChoice, stages: int, *, variant: str = "") -> Self:
        """Return the placement with `choice` in each of `stages` stages."""
        return cls((choice,) * stages, variant)

    @property
    def is_plain(self) -> bool:
        """Whether this is the plain backbone: no stage holds a module, and no other backbone is named."""
        return not self.has_attention and not self.variant

    @property
    def has_attention(self) -> bool:
        """Whether any stage holds a module."""
        return any(choice.module != "none" for choice in self.choices)

    @property
    def on_backbone(self) -> Placement:
        """The same choices, without the name of the backbone that they are for."""
        return Placement(self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def __hash__(self) -> int:
        return hash(self._text)  # not that of the choices, which takes ten times as long

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return "-".join(map(str, self.choices)) + (f"@{self.variant}" if self.variant else "")


class PlacementReader:
    """Reads the texts of many placements, each choice once."""

    def __init__(self) -> None:
        self._choices: dict[str, StageChoice] = {}

    def read(self, text: str) -> Placement:
        """Return the placement of a text, as `Placement.parse`."""
        parts = text.split("-")
        if self._choices.keys() >= set(parts):
            placement = Placement(tuple([self._choices[part] for part in parts]))
            placement.__dict__["_text"] = text  # of canonical parts: it need not be joined again
            return placement
        placement = Placement.parse(text)
        # A former spelling is not canonical: it is parsed each time.
        self._choices |= {part: one for part, one in zip(parts, placement.choices, strict=True) if str(one) == part}
        return placement


def placed_alone(choice: StageChoice, stage: int, *, stages: int) -> Placement:
    """Return the placement with one choice in one stage (from 1) and nothing elsewhere."""
    return Placement(tuple(choice if at == stage else StageChoice() for at in range(1, stages + 1)))
