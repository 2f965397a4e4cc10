"""Placements: which attention module stands in which stage, as a frozen value with one canonical text.

`none-se16-eca.parallel-cbam8.cross` is stages joined by `-`, each a module, its reduction ratio, and `.attachment`
where that is not `serial`. Two spellings of one network do not exist: what is not canonical is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.errors import InvalidPlacement, UnknownName

_CHOICE = re.compile(r"(?P<module>[a-z_]+|[A-Za-z_][\w.]*:[A-Za-z_]\w*?)(?P<ratio>\d{1,6})?(?:\.(?P<attachment>\w+))?")


@dataclass(frozen=True, order=True)
class StageChoice:
    """What stands in one stage: a module, its reduction ratio r (channels C over hidden units h), an attachment."""

    module: str = "none"
    ratio: int | None = None
    attachment: str = "serial"

    def __post_init__(self) -> None:
        try:
            takes_ratio = ATTENTION.member(self.module).takes_ratio
            ATTACHMENTS.member(self.attachment)
        except UnknownName as error:
            raise InvalidPlacement(str(error)) from error
        canonical = StageChoice._text(
            self.module,
            self.ratio if takes_ratio else None,
            "serial" if self.module == "none" else self.attachment,
        )
        if self.ratio is not None and self.ratio < 1:
            raise InvalidPlacement(f"{self}: a reduction ratio is at least 1")
        if self.ratio is not None and not takes_ratio:
            raise InvalidPlacement(f"{self}: {self.module} has no reduction ratio; write {canonical!r}")
        if self.module == "none" and self.attachment != "serial":
            raise InvalidPlacement(f"{self}: none has no attachment; write {canonical!r}")
        if self.ratio is None and takes_ratio and ":" not in self.module:
            raise InvalidPlacement(f"{self}: {self.module} needs a reduction ratio, such as {self.module}16")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of one stage, such as `se16.parallel`; InvalidPlacement names the canonical spelling."""
        match = _CHOICE.fullmatch(text)
        if match is None:
            raise InvalidPlacement(f"{text!r} is not a stage's choice; write for example none, se16 or eca.parallel")
        module, ratio, attachment = match.group("module", "ratio", "attachment")
        choice = cls(module, None if ratio is None else int(ratio), attachment or "serial")
        if str(choice) != text:
            raise InvalidPlacement(f"{text!r}: write {str(choice)!r}")
        return choice

    @staticmethod
    def _text(module: str, ratio: int | None, attachment: str) -> str:
        suffix = "" if attachment == "serial" else f".{attachment}"
        return f"{module}{'' if ratio is None else ratio}{suffix}"

    def __str__(self) -> str:
        return self._text(self.module, self.ratio, self.attachment)


@dataclass(frozen=True, order=True)
class Placement:
    """One choice a stage, stage 1 being the first residual stage."""

    choices: tuple[StageChoice, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise InvalidPlacement("a placement needs at least one stage")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the canonical text, such as `none-se16-eca.parallel`; InvalidPlacement says what to write instead."""
        choices = []
        for stage, part in enumerate(text.split("-"), start=1):
            try:
                choices.append(StageChoice.parse(part))
            except InvalidPlacement as error:
                raise InvalidPlacement(f"placement {text!r}, stage {stage}: {error}") from error
        return cls(tuple(choices))

    @classmethod
    def uniform(cls, choice: StageChoice, stages: int) -> Self:
        """Return the placement with `choice` in each of `stages` stages."""
        return cls((choice,) * stages)

    @property
    def is_plain(self) -> bool:
        """Whether no stage holds a module: the plain backbone."""
        return all(choice.module == "none" for choice in self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def __str__(self) -> str:
        return "-".join(map(str, self.choices))
