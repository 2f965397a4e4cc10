"""A table as a world: a study that trained every placement of its space on several seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from seplace.errors import DataError
from seplace.evaluators.trained_table import TrainedTable
from seplace.noise import Components, components, main_effects
from seplace.simulation.world import World

if TYPE_CHECKING:
    from seplace.placement import Placement

Floats = NDArray[np.float64]

Truth = Literal["shrunken", "effects"]
"""How means lose their noise: drawn together as a whole, until they vary as much as placements are estimated to (the
noise that is left in them then is an effect private to a placement, which no model of effects can foresee); or main
effects and the rest each by itself (where the rest is no more than noise, the truth is a sum of effects)."""

_SHARED, _OWN = 1, 2
"""Streams: what a seed gives to all placements alike; what a training has for itself."""


def table_world(folder: Path, *, seed: int) -> World:
    """Return the table in a results folder as a world; `seed` shuffles which of its seeds come first.

    The truth is the mean over the table's seeds: a search that trains a placement on most of them has seen most of its
    truth's noise too. DataError where a placement lacks one of the seeds.
    """
    scores = _scores_in(folder)
    order = np.random.default_rng(seed).permutation(scores.last.shape[1])

    def observe(placement: Placement, training_seed: int) -> float:
        return scores.read(placement, scores.epochs)[int(order[training_seed])]

    def early(placement: Placement, training_seed: int, epochs: int) -> float:
        return scores.read(placement, epochs)[int(order[training_seed])]

    return _world(scores, truth=scores.last.mean(axis=1), observe=observe, early=early, seeds=len(order))


def resampled_world(folder: Path, truth: Truth, *, seed: int) -> World:
    """Return a world like the table, whose noise is drawn anew; it can train a placement on any number of seeds.

    The truth is the table's means without what is estimated to be noise in them; a training adds what its seed gives
    to all placements alike, normal, and the residual of some training of the table, at all epochs the same one's. So a
    search never sees the noise that is left in the truth. DataError as in `table_world`, or with one seed alone.
    """
    scores = _scores_in(folder)
    if scores.last.shape[1] == 1:
        raise DataError(f"{folder}: a table with one seed does not tell noise from placements; train a second")
    members = list(scores.table.config.search_space)
    parts = {epoch: _Parts.of(each, members, truth) for epoch, each in scores.by_epoch.items()}
    trainings = scores.last.size

    def early(placement: Placement, training_seed: int, epochs: int) -> float:
        part = parts[scores.epoch(placement, epochs)]
        member = scores.table.config.search_space.index(placement)
        kindness = np.random.default_rng([_SHARED, seed, training_seed]).standard_normal()
        drawn = np.random.default_rng([_OWN, seed, training_seed, member]).integers(trainings)
        return float(part.truth[member] + part.components.seed * kindness + part.residuals[drawn])

    def observe(placement: Placement, training_seed: int) -> float:
        return early(placement, training_seed, scores.epochs)

    return _world(scores, truth=parts[scores.epochs].truth, observe=observe, early=early, seeds=None)


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """A whole table."""

    table: TrainedTable
    by_epoch: dict[int, Floats]
    """Accuracies in percent (members, seeds), members in the space's order, after epochs that all were scored at."""

    @property
    def epochs(self) -> int:
        """The full length."""
        return self.table.config.training.epochs

    @property
    def last(self) -> Floats:
        return self.by_epoch[self.epochs]

    def epoch(self, placement: Placement, epochs: int) -> int:
        """Return a number of epochs that the table was scored at; DataError otherwise."""
        if epochs not in self.by_epoch:
            scored = " and ".join(str(epoch) for epoch in sorted(self.by_epoch) if epoch != self.epochs)
            raise DataError(f"{self.table.folder}: {placement} was not scored after {epochs} epochs, but {scored}")
        return epochs

    def read(self, placement: Placement, epochs: int) -> list[float]:
        """Return the accuracies of a placement on all seeds after some epochs; DataError if it was not scored then."""
        member = self.table.config.search_space.index(placement)
        return [float(each) for each in self.by_epoch[self.epoch(placement, epochs)][member]]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What the scores of an epoch are made of."""

    truth: Floats
    """(members,)"""
    components: Components
    residuals: Floats
    """(members * seeds,), stretched to the variance that the noise is estimated to have."""

    @classmethod
    def of(cls, scores: Floats, members: Sequence[Placement], truth: Truth) -> _Parts:
        found = components(scores)
        count, seeds = scores.shape
        means = scores.mean(axis=1)
        noise = found.residual**2 / seeds
        residuals = scores - means[:, None] - scores.mean(axis=0) + scores.mean()
        stretch = np.sqrt(scores.size / ((count - 1) * (seeds - 1)))
        if truth == "shrunken":
            varying = _shrunken(means - means.mean(), noise, freedom=count - 1)
        else:
            fitted, parameters = main_effects(members, means)
            varying = _shrunken(fitted - means.mean(), noise, freedom=parameters - 1)
            varying += _shrunken(means - fitted, noise, freedom=count - parameters)
        return cls(truth=means.mean() + varying, components=found, residuals=stretch * residuals.ravel())


def _shrunken(parts: Floats, noise: float, *, freedom: int) -> Floats:
    """Draw parts of means together until their sum of squares lacks what a noise of this variance gives to it."""
    squares = float(parts @ parts)
    share = max(squares - freedom * noise, 0) / squares if squares > 0 else 0.0
    return parts * math.sqrt(share)


def _scores_in(folder: Path) -> _Scores:
    table = TrainedTable.load(folder)
    space, epochs = table.config.search_space, table.config.training.epochs
    rows = {
        (row.placement, row.seed): row
        for row in table.rows.values()
        if row.epochs == epochs and row.accuracy is not None and row.placement in space
    }
    seeds = sorted({seed for _, seed in rows})
    lacking = [placement for placement in space if any((placement, seed) not in rows for seed in seeds)]
    if lacking or not seeds:
        raise DataError(
            f"{folder}: no table: {len(lacking):,} of {len(space):,} placements lack one of {len(seeds)} seeds, "
            f"{lacking[0]} among them; a study with `sampler: exhaustive` trains them all"
        )

    def scores(epoch: int) -> Floats:
        accuracies = [[rows[placement, seed].accuracy_after(epoch) for seed in seeds] for placement in space]
        return np.array(accuracies, dtype=np.float64)

    curve = rows[space.placement_at(0), seeds[0]].curve
    scored = {int(point["epoch"] or 0) for point in curve} | {epochs}
    found = {epoch: scores(epoch) for epoch in sorted(scored)}
    by_epoch = {epoch: each for epoch, each in found.items() if not np.isnan(each).any()}
    return _Scores(table=table, by_epoch=by_epoch)


def _world(
    scores: _Scores,
    *,
    truth: Floats,
    observe: Callable[[Placement, int], float],
    early: Callable[[Placement, int, int], float],
    seeds: int | None,
) -> World:
    config = scores.table.config
    return World(
        name=config.name,
        space=config.search_space,
        prices=scores.table.prices,
        cost=config.objective.cost,
        truth=truth,
        lowest=float(truth.min()),
        observe=observe,
        seeds=seeds,
        length=scores.epochs,
        early=early,
    )
