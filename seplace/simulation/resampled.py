"""A table as a problem whose noise is drawn anew: no search sees the noise that is left in the truth."""

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
"""How means lose their noise: drawn together as a whole, until they vary as much as placements are estimated to (the
noise that is left in them then is an effect private to a placement, which no model of effects can foresee); or main
effects and the rest each by itself (where the rest is no more than noise, the truth is a sum of effects)."""

_SHARED, _OWN = 1, 2
"""Streams: what a seed gives to all placements alike; what a training has for itself."""


def resampled_problem(folder: Path, truth: Truth, *, seed: int) -> SearchProblem:
    """Return a problem like the table in a results folder, which can train a placement on any number of seeds.

    The truth is the table's means without what is estimated to be noise in them. A training adds what its seed gives
    to all placements alike, normal, and the residual of some training of the table, at all epochs the same one's. So
    does its cross-entropy, with the residual of the same training.
    DataError where a placement lacks one of the seeds, or there is one seed alone.
    """
    table = CompleteBenchmark.load(folder)
    if table.last.shape[1] == 1:
        raise DataError(f"{folder}: a table with one seed does not tell noise from placements; train a second")
    candidates = list(table.table.config.search_space)
    parts = {epoch: _Parts.of(scores, candidates, truth) for epoch, scores in table.by_epoch.items()}
    losses = _Parts.of(-table.cross_entropies, candidates, truth)  # larger is better, as of accuracies

    def draw(part: _Parts, placement: Placement, training_seed: int) -> float:
        candidate = table.candidate(placement)
        kindness = np.random.default_rng([_SHARED, seed, training_seed]).standard_normal()
        drawn = np.random.default_rng([_OWN, seed, training_seed, candidate]).integers(len(part.residuals))
        return float(part.truth[candidate] + part.seed * kindness + part.residuals[drawn])

    def train(placement: Placement, training_seed: int, epochs: int) -> float:
        table.after(epochs)  # refuses what was not scored
        return draw(parts[epochs], placement, training_seed)

    def lose(placement: Placement, training_seed: int) -> float:
        return -draw(losses, placement, training_seed)

    return table.problem(truth=parts[table.epochs].truth, train=train, lose=lose, seeds=None)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What the accuracies after some epochs are made of, in points."""

    truth: Floats
    """(candidates,)"""
    seed: float
    """The standard deviation of what seeds give to all placements alike."""
    residuals: Floats
    """(candidates * seeds,), stretched to the variance that the noise is estimated to have."""

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
    """Draw parts of means together until their sum of squares lacks what a noise of this variance gives to it."""
    squares = float(parts @ parts)
    share = max(squares - freedom * noise, 0) / squares if squares > 0 else 0.0
    return parts * math.sqrt(share)
