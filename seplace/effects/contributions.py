"""Effects of each choice, averaged over the rest of the space, and interactions of modules."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.effects.model import Posterior
from seplace.interval import Interval
from seplace.placement import StageChoice

_SAMPLES = 400


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """An effect over no attention in the same stage, averaged over the choices of the other stages."""

    stage: int | None
    """From 1; None for the mean over all stages."""
    kind: str
    """choice, module, ratio, attachment, backbone, or proxy."""
    name: str
    effect: Interval
    """In points."""
    positive: float
    """The probability that it is above 0."""
    choices: tuple[tuple[int, StageChoice], ...]
    """The choices (stage, choice) that are averaged over; empty for a backbone, and for a proxy."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """The interaction of two modules in two stages: what they add together beyond the sum of their effects."""

    first: str
    second: str
    effect: Interval
    positive: float


class Contributions:
    """Posterior draws of average effects."""

    def __init__(self, posterior: Posterior) -> None:
        self.design: Design = posterior.design
        drawn = [posterior.sample_effects() for _ in range(_SAMPLES)]
        self._tables = drawn
        self._factors = [
            np.array([_average_effects(tables, factor) for tables in drawn]) for factor in range(len(self.design.shape))
        ]
        """For each factor (samples, levels of the space): effects over no attention, or over the first backbone."""

    def choices(self) -> list[Contribution]:
        """Return the effect of each choice in each stage, except `none`."""
        return [
            self._contribution("choice", str(choice), stage, [(stage, choice)])
            for stage, listed in enumerate(self.design.space.choices, start=1)
            for choice in listed
            if choice.module != "none"
        ]

    def modules(self) -> list[Contribution]:
        """Return the effect of each module in each stage, and over all stages."""
        return self._grouped("module", lambda choice: choice.module)

    def ratios(self) -> list[Contribution]:
        """Return the effect of each module at each ratio, for modules with several ratios."""
        several = self._with_several(lambda choice: choice.ratio)

        def name_of(choice: StageChoice) -> str | None:
            return f"{choice.module}{choice.ratio}" if choice.module in several else None

        return self._grouped("ratio", name_of)

    def attachments(self) -> list[Contribution]:
        """Return the effect of each module in each attachment, for modules with several attachments."""
        several = self._with_several(lambda choice: choice.attachment)

        def name_of(choice: StageChoice) -> str | None:
            return f"{choice.module}.{choice.attachment}" if choice.module in several else None

        return self._grouped("attachment", name_of)

    def backbones(self) -> list[Contribution]:
        """Return the effect of each other backbone over the first."""
        return [
            Contribution(
                stage=None,
                kind="backbone",
                name=variant,
                effect=Interval.of_draws(self._factors[0][:, level]),
                positive=float((self._factors[0][:, level] > 0).mean()),
                choices=(),
            )
            for level, variant in enumerate(self.design.variants)
            if level
        ]

    def interactions(self, *, sure: float) -> list[Interaction]:
        """Return the interactions whose sign is known with probability `sure`, the clearest first."""
        found = []
        for first, second in itertools.combinations(range(1, len(self.design.shape)), 2):
            pair = (first, second)
            if pair not in self._tables[0].pairs:
                continue
            values = np.array([tables.pairs[pair] for tables in self._tables])
            for one, other in itertools.product(self._firsts(first), self._firsts(second)):
                samples = values[:, one[1], other[1]]
                positive = float((samples > 0).mean())
                if max(positive, 1 - positive) >= sure:
                    found.append(
                        Interaction(
                            first=f"{one[0]} in stage {first}",
                            second=f"{other[0]} in stage {second}",
                            effect=Interval.of_draws(samples),
                            positive=positive,
                        )
                    )
        return sorted(found, key=lambda each: -abs(each.positive - 0.5))

    def _firsts(self, factor: int) -> list[tuple[str, int]]:
        """Return each module of a stage with the level of its first choice, since interactions are between modules."""
        levels: dict[str, int] = {}
        for level, choice in enumerate(self.design.space.choices[factor - 1]):
            if choice.module != "none":
                levels.setdefault(choice.module, level)
        return list(levels.items())

    def _with_several(self, part: Callable[[StageChoice], object]) -> set[str]:
        """Return the modules whose choices in some stage differ in a part."""
        found = set()
        for listed in self.design.space.choices:
            parts: dict[str, set[object]] = {}
            for choice in listed:
                parts.setdefault(choice.module, set()).add(part(choice))
            found |= {module for module, values in parts.items() if len(values) > 1}
        return found

    def _grouped(self, kind: str, name_of: Callable[[StageChoice], str | None]) -> list[Contribution]:
        """Return the mean effect of the choices of each name, by stage and over stages."""
        by_name: dict[str, list[tuple[int, StageChoice]]] = {}
        for stage, listed in enumerate(self.design.space.choices, start=1):
            for choice in listed:
                name = name_of(choice)
                if choice.module != "none" and name is not None:
                    by_name.setdefault(name, []).append((stage, choice))
        found = []
        for name, places in by_name.items():
            for stage in sorted({stage for stage, _ in places}):
                here = [place for place in places if place[0] == stage]
                found.append(self._contribution(kind, name, stage, here))
            found.append(self._contribution(kind, name, None, places))
        return found

    def _contribution(
        self, kind: str, name: str, stage: int | None, choices: Sequence[tuple[int, StageChoice]]
    ) -> Contribution:
        samples = np.mean([self._factors[at][:, self.design.stages[at - 1][choice]] for at, choice in choices], axis=0)
        return Contribution(
            stage=stage,
            kind=kind,
            name=name,
            effect=Interval.of_draws(samples),
            positive=float((samples > 0).mean()),
            choices=tuple(choices),
        )


def weights_of(posterior: Posterior) -> list[Contribution]:
    """Return the effect of one standard deviation of each proxy's score, beside the effects of the choices."""
    samples = posterior.sample_weights(_SAMPLES, random=np.random.default_rng(0))
    return [
        Contribution(
            stage=None,
            kind="proxy",
            name=name,
            effect=Interval.of_draws(column),
            positive=float((column > 0).mean()),
            choices=(),
        )
        for name, column in zip(posterior.design.covariates, samples.T, strict=True)
    ]


def _average_effects(tables: Tables, factor: int) -> Floats:
    """Return the effect of each level of a factor over its reference, averaged over the other factors."""
    count = tables.shape[factor]
    effects = tables.main[factor].copy()
    for (first, second), table in tables.pairs.items():
        if first == factor:
            effects = effects + table[:, : tables.shape[second]].mean(axis=1)
        elif second == factor:
            effects = effects + table[: tables.shape[first]].mean(axis=0)
    return effects[:count]
