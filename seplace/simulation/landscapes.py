"""Landscapes: search problems drawn at random, with a known structure. One function and one line add a kind.

A space has four stages (C = 64, 128, 256, 512 channels; maps of 32, 16, 8, 4 pixels; two blocks each) with 23 choices
each: 279,841 placements. Effects are gains in points over the plain backbone, whose accuracy is 90 %. A training adds
a seed effect, N(0, 0.2), shared by all placements, and noise, N(0, 0.25) unless the kind says otherwise.

After a share t of its epochs the accuracy of a training is lower by (1 - t)² times a deficit: 20 points, plus a term
for the module in each stage, plus N(0, s) of the placement. Its noise is √t times that at the end, plus independent
noise. Early ranks hold well except in the kind of slow starters.

`usual[proxy=0.6]` is the same problem with a proxy of this correlation with the truth over the space;
`usual[images=500]` the same with trainings that are scored on a validation split of 500 images.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from seplace.arrays import Floats
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs.table import CostTable
from seplace.placement import Placement, StageChoice
from seplace.seeds import derive_seed
from seplace.simulation.problem import SearchProblem
from seplace.space import SearchSpace

_BASE = 90.0
_SHARED, _OWN, _EARLY, _SLOW, _PROXY = 1, 2, 3, 4, 5
"""Random streams: seed effects; the noise of a training, at its end and early; slow starts; the error of a proxy."""

_EPOCHS = 100
_START = 20.0

_NOISE = 0.25
_SEED = 0.2
_STAGES = ((64, 32), (128, 16), (256, 8), (512, 4))
_BLOCKS = 2
_RATIOS = (2, 4, 8, 16, 32)
_MODULES = ("se", "cbam", "eca")
_CHOICES = (
    StageChoice(),
    *(
        StageChoice(module, ratio, attachment)
        for module in ("se", "cbam")
        for ratio in _RATIOS
        for attachment in ("serial", "parallel")
    ),
    *(StageChoice("eca", None, attachment) for attachment in ("serial", "parallel")),
)
_MODULE_OF = np.array([("none", *_MODULES).index(choice.module) for choice in _CHOICES])


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """The true gains by choice in each stage, in points, and the noise of trainings."""

    gains: Floats
    """(choices,) * stages."""
    noise: Callable[[np.random.Generator], float]
    """Draws the noise of one training, in points."""
    private: Floats | float = 0.0
    """The private part of the gains, one for each placement, which no proxy can see."""
    by_seed: float = 0.0
    """Standard deviation of the seed effect on each choice of each stage, in points."""
    slow: float = 0.15
    """The deficit at the start, in points: the greatest term of a module in a stage, and s."""


def usual(random: np.random.Generator) -> Terrain:
    """Draw stage effects, smooth curves over the ratio, and an interaction for each pair of modules in two stages."""
    return Terrain(gains=_sum_of(_stage_effects(random)) + _interactions(random, 0.12), noise=_normal)


def private(random: np.random.Generator) -> Terrain:
    """Draw the usual kind with a private effect N(0, 0.15) of each placement."""
    terrain = usual(random)
    own = random.normal(0, 0.15, terrain.gains.shape)
    own[(0,) * len(_STAGES)] = 0.0
    return Terrain(gains=terrain.gains + own, noise=_normal, private=own)


def not_additive(random: np.random.Generator) -> Terrain:
    """Draw a level N(0.4, 0.35) for each combination of the four stages' modules: no stage has an effect."""
    levels = random.normal(0.4, 0.35, (4,) * len(_STAGES))
    levels[(0,) * len(_STAGES)] = 0.0
    return Terrain(gains=levels[np.ix_(*[_MODULE_OF] * len(_STAGES))], noise=_normal)


def heavy_tails(random: np.random.Generator) -> Terrain:
    """Draw the usual kind with noise 0.2 times Student's t with 2 degrees of freedom: some trainings go wrong."""
    return Terrain(gains=usual(random).gains, noise=lambda drawn: 0.2 * float(drawn.standard_t(2)))


def one_interaction(random: np.random.Generator) -> Terrain:
    """Draw effects a fifth as large as usual, and 1.5 points for one pair of modules in two stages."""
    gains = 0.2 * usual(random).gains
    first, second = sorted(random.choice(len(_STAGES), 2, replace=False))
    modules = random.integers(1, 4, 2)
    holds = np.multiply.outer(modules[0] == _MODULE_OF, modules[1] == _MODULE_OF)
    shape = [1] * len(_STAGES)
    shape[first] = shape[second] = len(_CHOICES)
    return Terrain(gains=gains + 1.5 * holds.reshape(shape), noise=_normal)


def interacting_seeds(random: np.random.Generator) -> Terrain:
    """Draw the usual kind with a seed effect N(0, 0.15) on each choice of a stage: a whole seed misleads."""
    return Terrain(gains=usual(random).gains, noise=_normal, by_seed=0.15)


def nothing_helps(random: np.random.Generator) -> Terrain:  # noqa: ARG001 - there is nothing to draw
    """Return a truth in which every placement is as good as the plain backbone."""
    return Terrain(gains=np.zeros((len(_CHOICES),) * len(_STAGES)), noise=_normal)


def slow_starters(random: np.random.Generator) -> Terrain:
    """Draw the usual kind with modules and placements that start so slowly that early ranks say almost nothing."""
    return Terrain(gains=usual(random).gains, noise=_normal, slow=3.0)


LANDSCAPES: Mapping[str, Callable[[np.random.Generator], Terrain]] = {
    "usual": usual,
    "private": private,
    "not-additive": not_additive,
    "heavy-tails": heavy_tails,
    "one-interaction": one_interaction,
    "interacting-seeds": interacting_seeds,
    "nothing-helps": nothing_helps,
    "slow-starters": slow_starters,
}


def landscape(name: str, *, seed: int, correlation: float | None = None) -> SearchProblem:
    """Draw a landscape of a kind, with a proxy if a correlation is given; the proxy does not change the truth."""
    terrain = LANDSCAPES[name](np.random.default_rng([derive_seed("landscape", name), seed]))
    space = SearchSpace(
        name=name,
        backbone=describe("resnet18"),
        choices=(_CHOICES,) * len(_STAGES),
        gate=GateOptions(init="identity"),
    )
    by_seed = terrain.by_seed

    def observe(placement: Placement, training_seed: int) -> float:
        levels = space.indices(placement)[1:]
        shared = np.random.default_rng([_SHARED, seed, training_seed])
        seed_effect = _SEED * shared.standard_normal()
        misleading = by_seed * shared.standard_normal((len(_STAGES), len(_CHOICES)))
        misled = sum(float(misleading[stage, level]) for stage, level in enumerate(levels) if level)
        noise = terrain.noise(np.random.default_rng([_OWN, seed, training_seed, space.index(placement)]))
        return _BASE + float(terrain.gains[levels]) + seed_effect + misled + noise

    starts = np.random.default_rng([_SLOW, seed])
    takes = terrain.slow * starts.uniform(0, 1, (len(_STAGES), 1 + len(_MODULES))) * np.array([0.0, 1.0, 1.0, 1.0])

    def early(placement: Placement, training_seed: int, epochs: int) -> float:
        share = epochs / _EPOCHS
        levels = space.indices(placement)[1:]
        own = np.random.default_rng([_SLOW, seed, space.index(placement)]).standard_normal()
        slower = sum(takes[stage, _MODULE_OF[level]] for stage, level in enumerate(levels)) + terrain.slow * own
        truth = _BASE + float(terrain.gains[levels])
        kept = math.sqrt(share)
        other = terrain.noise(np.random.default_rng([_EARLY, seed, training_seed, space.index(placement), epochs]))
        noise = kept * (observe(placement, training_seed) - truth) + math.sqrt(1 - share) * other
        return truth - (1 - share) ** 2 * (_START + float(slower)) + noise

    return SearchProblem(
        name=name,
        space=space,
        cost_table=_cost_table(),
        cost="flops",
        truth=_BASE + terrain.gains.ravel(),
        lowest=_BASE,
        observe=observe,
        length=_EPOCHS,
        early=early,
        proxy=None if correlation is None else _proxy(terrain, correlation, np.random.default_rng([_PROXY, seed])),
    )


def _proxy(terrain: Terrain, correlation: float, random: np.random.Generator) -> Floats:
    """Return a proxy: the truth without its private part, mixed with an error of the same structure.

    Independent errors of placements would be easy: a learned covariate averages over them. The error is therefore
    another landscape of the usual kind, made uncorrelated with the truth. If the truth is flat, the proxy is all error.
    """
    truth = _standardised((terrain.gains - terrain.private).ravel())
    error = _standardised(usual(random).gains.ravel())
    error = _standardised(error - (error @ truth) / len(truth) * truth)
    return correlation * truth + math.sqrt(1 - correlation**2) * error


def _standardised(values: Floats) -> Floats:
    centred: Floats = values - values.mean()
    return centred / max(float(centred.std()), 1e-12)


def _normal(random: np.random.Generator) -> float:
    return _NOISE * float(random.standard_normal())


def _stage_effects(random: np.random.Generator) -> list[Floats]:
    effects = []
    for _ in _STAGES:
        scale = random.uniform(0.5, 1.3)
        level = {"se": random.uniform(0, 0.5), "cbam": random.uniform(-0.1, 0.6), "eca": random.uniform(0, 0.45)}
        slope = {module: random.uniform(0.02, 0.08) for module in _MODULES}
        middle = {module: random.uniform(1, 5) for module in _MODULES}
        parallel = {module: random.normal(0, 0.08) for module in _MODULES}
        gains = [0.0]
        for choice in _CHOICES[1:]:
            gain = level[choice.module]
            if choice.ratio is not None:
                gain -= slope[choice.module] * abs(math.log2(choice.ratio) - middle[choice.module])
            gains.append(scale * (gain + (parallel[choice.module] if choice.attachment == "parallel" else 0.0)))
        effects.append(np.array(gains))
    return effects


def _sum_of(effects: list[Floats]) -> Floats:
    total = effects[0]
    for more in effects[1:]:
        total = np.add.outer(total, more)
    return total


def _interactions(random: np.random.Generator, sd: float) -> Floats:
    total = np.zeros((len(_CHOICES),) * len(_STAGES))
    for first, second in itertools.combinations(range(len(_STAGES)), 2):
        levels = np.zeros((4, 4))
        levels[1:, 1:] = random.normal(-0.03, sd, (3, 3))
        shape = [1] * len(_STAGES)
        shape[first] = shape[second] = len(_CHOICES)
        total += levels[np.ix_(_MODULE_OF, _MODULE_OF)].reshape(shape)
    return total


def _cost_table() -> CostTable:
    """Return FLOPs by formula: a plain network of a billion, and the modules on each stage's blocks."""
    return CostTable(
        names=("flops",),
        plain=(1_000_000_000,),
        extras=tuple({choice: (_BLOCKS * _cost_of(choice, *stage),) for choice in _CHOICES} for stage in _STAGES),
    )


def _cost_of(choice: StageChoice, channels: int, side: int) -> int:
    """Return the FLOPs of a module on one block, including a parallel attachment."""
    area, ratio = side * side, choice.ratio or 1
    own = {
        "none": 0,
        "se": channels * area + 2 * channels**2 // ratio + channels,
        "cbam": 4 * channels**2 // ratio + 2 * channels * area + channels + 3 * channels * area + 99 * area,
        "eca": channels * area + 6 * channels,
    }[choice.module]
    scaling = channels * area if choice.module != "none" else 0
    return own + scaling + (channels * area if choice.attachment == "parallel" else 0)
