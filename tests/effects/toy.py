"""Small spaces with costs that are made up, and studies whose truth is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs.table import CostTable
from seplace.effects.design import Design
from seplace.effects.model import Observation
from seplace.effects.priced_space import PricedSpace, cost_tables
from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace
from tests.spaces import parse

NAMES = ("flops", "params")


def space_with(*choices: tuple[StageChoice, ...], variants: Sequence[str] = ()) -> SearchSpace:
    return SearchSpace(
        name="toy",
        backbone=describe("cifar_resnet8"),
        choices=choices,
        gate=GateOptions(init="paper"),
        variants=tuple(map(describe, variants)),
    )


SMALL = space_with(*[parse("none", "se4", "eca")] * 3)
"""27 candidates."""

WIDER = space_with(*[parse("none", "eca")] * 3, variants=["cifar_resnet8[width=1.06]"])
"""16 candidates of two backbones."""


def cost_table_of(space: SearchSpace, *, seed: int = 0, most: int = 40) -> CostTable:
    """Made-up costs: whole numbers, `none` free, many ties where `most` is small."""
    random = np.random.default_rng(seed)

    def table(plain: int) -> CostTable:
        extras = tuple(
            {
                choice: tuple(random.integers(1, most, size=2).tolist()) if choice.module != "none" else (0, 0)
                for choice in dict.fromkeys([*listed, *(mark.choices[stage] for mark in space.baselines.values())])
            }
            for stage, listed in enumerate(space.choices)
        )
        return CostTable(names=NAMES, plain=(plain, 2 * plain), extras=extras)

    own, *others = [table(1000 + 37 * number) for number in range(len(space.backbones))]
    variants = dict(zip(list(space.backbones)[1:], others, strict=True))
    return CostTable(names=NAMES, plain=own.plain, extras=own.extras, variants=variants)


def priced_space_of(space: SearchSpace, cost_table: CostTable, *, params: float | None = None) -> PricedSpace:
    """The space priced in FLOPs, with a limit on the parameters if one is given."""
    design = Design(space)
    limits = [] if params is None else [(cost_tables(design, cost_table, "params"), params)]
    return PricedSpace(design, cost_tables(design, cost_table, "flops"), limits=limits)


def all_levels(shape: Sequence[int]) -> np.ndarray:
    """The levels of all candidates in the space's order."""
    return np.array(list(itertools.product(*map(range, shape))), dtype=np.int64)


def observed(
    truth: dict[Placement, float], *, seeds: int, noise: float, random: np.random.Generator, luck: float = 0.0
) -> list[Observation]:
    """Train each placement on each of a number of seeds."""
    kindness = luck * random.standard_normal(seeds)
    return [
        Observation(placement=placement, seed=seed, score=value + kindness[seed] + noise * random.standard_normal())
        for placement, value in truth.items()
        for seed in range(seeds)
    ]


def trainings(count: int, *, seed: int = 0, beside: float = 0.4, slope: float = -45.0) -> list[Observation]:
    """Draw trainings of the toy space whose accuracy is a line in cross-entropy, but for noise beside it in points."""
    random = np.random.default_rng(seed)
    drawn = []
    for number in range(count):
        placement = SMALL.placement_at(int(random.integers(len(SMALL))))
        loss = 1.3 - 0.02 * gates_of(placement) + 0.02 * random.standard_normal()
        accuracy = 50 + slope * (loss - 1.3) + beside * random.standard_normal()
        drawn.append(Observation(placement=placement, seed=number % 3, score=accuracy, cross_entropy=loss))
    return drawn


def gates_of(placement: Placement) -> int:
    return sum(choice.module != "none" for choice in placement.choices)
