"""Search spaces: the placements that a search chooses from, never as a list.

A space is a product, one tuple of choices a stage, so it is counted, indexed and walked by arithmetic.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

from seplace.attachments import ATTACHMENTS
from seplace.attention.options import GateOptions, Init
from seplace.backbones.backbone import Backbone
from seplace.backbones.describe import describe
from seplace.backbones.sites import Stage
from seplace.baselines import baselines, own_baselines
from seplace.errors import InvalidPlacement, InvalidSpace, check_type
from seplace.files.former_words import former_choice
from seplace.placement import Placement, StageChoice
from seplace.stage_strip import space_html


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A search space: a backbone and, for each of its stages, the choices that a search may make there.

    The candidates are all combinations of the choices. They are counted, indexed and iterated without a list of them.

    >>> import seplace
    >>> space = seplace.load_space("digits-resnet8")
    >>> len(space), space.backbone.text
    (343, 'cifar_resnet8[width=0.5]')
    >>> [str(choice) for choice in space.choices[0]]
    ['none', 'se4', 'se4.parallel', 'cbam4', 'cbam4.parallel', 'eca', 'eca.parallel']
    >>> placement = seplace.Placement.parse("none-none-se4")
    >>> placement in space, space.index(placement), str(space.placement_at(1))
    (True, 1, 'none-none-se4')

    `load_space` reads a space from a file, `from_choices` makes one from texts. Raises InvalidSpace for choices that
    the blocks of a stage do not take.
    """

    name: str
    backbone: Backbone
    choices: tuple[tuple[StageChoice, ...], ...]
    """One tuple for each stage, without repeats; their order is the order of the space."""
    gate: GateOptions
    variants: tuple[Backbone, ...] = ()
    """Other backbones with as many stages, such as wider or deeper ones, that a placement may name instead."""

    def __post_init__(self) -> None:
        stages = len(self.backbone.units)
        if len(self.choices) != stages:
            raise InvalidSpace(
                f"backbone {self.backbone.text} has {stages} {self.backbone.granularity}s (got {len(self.choices)})"
            )
        for number, choices in enumerate(self.choices, start=1):
            if not choices:
                raise InvalidSpace(f"stage {number} has no choice; write none where no module may stand")
            if len(set(choices)) < len(choices):
                repeated = next(each for at, each in enumerate(choices) if each in choices[:at])
                raise InvalidSpace(f"stage {number} lists {repeated} twice")
            for choice in choices:
                if problem := choice_problem(self.backbone, choice, stage=number, init=self.gate.init):
                    raise InvalidSpace(problem)
        for variant in self.variants:
            if problem := self._variant_problem(variant):
                raise InvalidSpace(problem)
        if math.prod(map(len, self.choices)) * len(self.backbones) > sys.maxsize:
            raise InvalidSpace(f"a space has at most {sys.maxsize:,} candidates")
        if not self.variants and all(choice.module == "none" for choices in self.choices for choice in choices):
            raise InvalidSpace("the only candidate of the space is the plain backbone; nothing can be searched")

    @classmethod
    def from_choices(
        cls,
        backbone: str | Backbone,
        choices: Sequence[str] | Sequence[Sequence[str]],
        *,
        init: Init,
        min_hidden: int = 1,
        name: str = "space",
    ) -> Self:
        """Return the space of some choices, written as in the text of a placement.

        >>> import seplace
        >>> space = seplace.SearchSpace.from_choices("cifar_resnet20", ["none", "se16", "eca"], init="paper")
        >>> len(space)
        27

        Args:
            backbone: The text of a backbone, such as `cifar_resnet20[width=0.5]`, or a backbone.
            choices: The choices of every stage, or a sequence of choices for each stage.
            init: `paper` starts each module as its paper does; with `identity` it changes nothing until it is trained.
            min_hidden: The least number of hidden units of a module with a reduction ratio.
            name: The name of the space, for messages.

        Raises:
            UnknownName: There is no such backbone.
            InvalidPlacement: A choice cannot be read; the message says what to write.
            InvalidSpace: The choices are not those of a space on this backbone.

        """
        described = describe(backbone, needs_logits=False) if isinstance(backbone, str) else backbone
        check_type("backbone", described, Backbone, said="the text of a backbone, or a backbone")
        check_type("choices", choices, list, tuple, said="a list of texts, or one list of texts a stage")
        texts = [each for each in choices if isinstance(each, str)]
        if 0 < len(texts) < len(choices):
            raise InvalidSpace(
                "choices are texts, the same for every stage, or one sequence of texts a stage, not both"
            )
        for each in [] if texts else choices:
            check_type("the choices of a stage", each, list, tuple, said="a list of texts")
        by_stage = [texts] * len(described.units) if texts else [list(each) for each in choices]
        return cls(
            name=name,
            backbone=described,
            choices=tuple(tuple(StageChoice.parse(choice) for choice in stage) for stage in by_stage),
            gate=GateOptions(init=init, min_hidden=min_hidden),
        )

    def _repr_html_(self) -> str:
        return space_html(
            self.name,
            [self.backbone.text, *(variant.text for variant in self.variants)],
            len(self),
            [[str(choice) for choice in choices] for choices in self.choices],
            noun=self.backbone.granularity,
            init=self.gate.init,
        )

    @cached_property
    def backbones(self) -> dict[str, Backbone]:
        """The backbones by their name in a placement; that of the first is empty."""
        return {"": self.backbone} | {variant.text: variant for variant in self.variants}

    def backbone_of(self, placement: Placement) -> Backbone:
        """Return the backbone of a placement; raises InvalidPlacement if the space has no backbone of that name."""
        if placement.variant not in self.backbones:
            known = ", ".join(self.backbones).removeprefix(", ") or "none but its own"
            raise InvalidPlacement(f"{placement}: space {self.name} has no such backbone (known: {known})")
        return self.backbones[placement.variant]

    @property
    def baselines(self) -> dict[str, Placement]:
        """The baselines by name: placements that anyone would try by hand."""
        return baselines(self.backbone, variants=self.variants)

    @property
    def own_baselines(self) -> dict[str, Placement]:
        """The baselines of the user's own modules by name: a module in all stages, or in the last only."""
        return own_baselines(self.choices, last=self.backbone.units_of_last_stage)

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
        """Return the positions (from 0) of the backbone and each choice; raises InvalidPlacement outside the space."""
        self.check_candidate(placement)
        return (
            list(self.backbones).index(placement.variant),
            *(known[choice] for choice, known in zip(placement.choices, self._positions, strict=True)),
        )

    def index(self, placement: Placement) -> int:
        """Return the position in the order of iteration, from 0; raises InvalidPlacement outside the space."""
        index, *positions = self.indices(placement)
        for position, choices in zip(positions, self.choices, strict=True):
            index = index * len(choices) + position
        return index

    def placement_at(self, index: int) -> Placement:
        """Return the candidate at a position in the order of iteration, from 0; raises IndexError outside the space."""
        if not 0 <= index < len(self):
            raise IndexError(f"space {self.name} has {len(self)} candidates (got index {index})")
        chosen = []
        for choices in reversed(self.choices):
            index, position = divmod(index, len(choices))
            chosen.append(choices[position])
        return Placement(tuple(reversed(chosen)), list(self.backbones)[index])

    def neighbors(self, placement: Placement) -> tuple[Placement, ...]:
        """Return the candidates that differ in one place; raises InvalidPlacement outside the space."""
        self.check_candidate(placement)
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
        """Return the SHA-256 (hex) of the meaning of the space, without its name.

        The order of the choices counts, since a sampler's proposals depend on it. The digest is of the words of version
        0.11, so that it stays what results hold.
        """
        meaning: dict[str, Any] = {
            "backbone": self.backbone.text,
            "choices": [[former_choice(str(choice)) for choice in choices] for choices in self.choices],
            "gate": asdict(self.gate),
        }
        # Left out unless a space has them, so that studies of version 0.1 can be resumed.
        if self.backbone.granularity != "stage":
            meaning["granularity"] = self.backbone.granularity
        if self.backbone.blocks:
            meaning["blocks"] = self.backbone.blocks
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

    def check_candidate(self, placement: Placement) -> None:
        """Raise InvalidPlacement, with the stage and its choices, for a placement that is not in the space."""
        if placement in self:
            return
        check_placement(self.backbone_of(placement), placement, init=self.gate.init)
        pairs = zip(placement.choices, self.choices, strict=True)
        stage, choice = next((at, one) for at, (one, known) in enumerate(pairs, start=1) if one not in known)
        listed = ", ".join(map(str, self.choices[stage - 1]))
        rule = f"stage {stage} has no {choice} (only {listed})"
        raise InvalidPlacement(f"{placement} is not in space {self.name}: {rule}")


def gate_width(unit: Stage, attachment: str) -> int | None:
    """Return the least width of a gate at an attachment in a stage, or None where its blocks do not take it."""
    like = ATTACHMENTS.entry(attachment).like
    return unit.widths.get(attachment, None if like is None else unit.widths.get(like))


def site_problem(backbone: Backbone, choice: StageChoice, *, stage: int, init: Init) -> str | None:
    """Say why the blocks of a stage (from 1) do not take a module or its attachment, or return None."""
    place = f"{backbone.granularity} {stage}"
    described = backbone.units[stage - 1]
    if choice.name == "none":
        return None
    if choice.name == "native":
        return None if described.has_native_gate else f"{place}: {backbone.text} has no native attention there"
    if gate_width(described, choice.attachment) is None:
        taken = ", ".join(described.widths)
        only = "; exit is for stages of several blocks" if choice.attachment == "exit" else ""
        return f"{place}: the blocks of {backbone.text} do not take {choice.attachment} (they take {taken}{only})"
    if choice.attachment == "parallel" and init == "identity" and "cross" not in described.widths:
        return f"{place}: parallel doubles the output of a block without a shortcut; take serial, or init: paper"
    return None


def hidden_unit_problem(backbone: Backbone, choice: StageChoice, *, stage: int) -> str | None:
    """Say why a choice in a stage (from 1) leaves a module without a hidden unit, or return None.

    With fewer channels C than the ratio r, C // r is 0 and the gate is constant.
    """
    unit = backbone.units[stage - 1]
    width = gate_width(unit, choice.attachment)
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
    """Raise InvalidPlacement for a wrong number of stages, or a choice that its stage does not take."""
    stages = len(backbone.units)
    if len(placement) != stages:
        raise InvalidPlacement(
            f"{placement}: backbone {backbone.text} has {stages} {backbone.granularity}s (got {len(placement)})"
        )
    for stage, choice in enumerate(placement.choices, start=1):
        if problem := choice_problem(backbone, choice, stage=stage, init=init):
            raise InvalidPlacement(f"{placement}: {problem}")
