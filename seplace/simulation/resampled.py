"""A tabular benchmark as a problem whose noise is drawn again: no search sees the noise that is left in the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from seplace.arrays import Floats
from seplace.errors import DataError
from seplace.results.noise import components, main_effects
from seplace.simulation.tabular import CompleteBenchmark

if TYPE_CHECKING:
    from seplace.placement import Placement
    from seplace.simulation.problem import SearchProblem

Truth = Literal["shrunken", "effects"]
"""How noise is removed from the means.

`shrunken`: all are shrunk together, until they vary as much as placements are estimated to. The noise left in them is a
private effect of each placement, which no model of effects can predict. `effects`: main effects and the rest are shrunk
separately; if the rest is only noise, the truth is a sum of effects.
"""

_SHARED, _OWN = 1, 2
"""Random streams: seed effects, and the noise of a training."""


def resampled_problem(folder: Path, truth: Truth, *, seed: int) -> SearchProblem:
    """Return a problem like the benchmark in a results folder, with any number of seeds for a placement.

    The truth is the benchmark's means without their estimated noise. A training adds a normal seed effect, shared by
    all placements, and the residual of a training of the benchmark, of the same one at all epochs. Its cross-entropy
    takes the residual of the same training. Raises DataError if a placement lacks one of the seeds, or if there is only
    one seed.
    """
    benchmark = CompleteBenchmark.load(folder)
    if benchmark.last.shape[1] == 1:
        raise DataError(f"{folder}: a benchmark with one seed cannot tell noise from placements; train a second")
    candidates = list(benchmark.source.config.search_space)
    parts = {epoch: _Parts.of(scores, candidates, truth) for epoch, scores in benchmark.by_epoch.items()}
    losses = _Parts.of(-benchmark.cross_entropies, candidates, truth)  # larger is better, as of accuracies

    def draw(part: _Parts, placement: Placement, training_seed: int) -> float:
        candidate = benchmark.candidate(placement)
        seed_effect = np.random.default_rng([_SHARED, seed, training_seed]).standard_normal()
        drawn = np.random.default_rng([_OWN, seed, training_seed, candidate]).integers(len(part.residuals))
        return float(part.truth[candidate] + part.seed * seed_effect + part.residuals[drawn])

    def train(placement: Placement, training_seed: int, epochs: int) -> float:
        benchmark.after(epochs)  # refuses what was not scored
        return draw(parts[epochs], placement, training_seed)

    def lose(placement: Placement, training_seed: int) -> float:
        return -draw(losses, placement, training_seed)

    return benchmark.problem(truth=parts[benchmark.epochs].truth, train=train, lose=lose, seeds=None)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The parts of the accuracies after some epochs, in points."""

    truth: Floats
    """(candidates,)"""
    seed: float
    """The standard deviation of the seed effect."""
    residuals: Floats
    """(candidates * seeds,), scaled to the estimated variance of the noise."""

    @classmethod
    def of(cls, scores: Floats, candidates: Sequence[Placement], truth: Truth) -> Self:
        found = components(scores)
        count, seeds = scores.shape
        means = scores.mean(axis=1)
        noise = found.residual**2 / seeds
        if truth == "shrunken":
            varying = _shrunken(means - means.mean(), noise, freedom=count - 1)
        else:
            fitted, parameters = main_effects(candidates, means)
            varying = _shrunken(fitted - means.mean(), noise, freedom=parameters - 1)
            varying += _shrunken(means - fitted, noise, freedom=count - parameters)
        residuals = scores - means[:, None] - scores.mean(axis=0) + scores.mean()
        stretch = math.sqrt(scores.size / ((count - 1) * (seeds - 1)))
        return cls(truth=means.mean() + varying, seed=found.seed, residuals=stretch * residuals.ravel())


def _shrunken(parts: Floats, noise: float, *, freedom: int) -> Floats:
    """Shrink parts of means until their sum of squares is lower by the expected part of a noise of this variance."""
    squares = float(parts @ parts)
    share = max(squares - freedom * noise, 0) / squares if squares > 0 else 0.0
    return parts * math.sqrt(share)
