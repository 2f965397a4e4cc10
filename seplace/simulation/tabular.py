"""A table as a problem: a study that trained every placement of its space on several seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from seplace.arrays import Floats
from seplace.errors import DataError
from seplace.evaluators.tabular_benchmark import TabularBenchmark
from seplace.simulation.problem import SearchProblem

if TYPE_CHECKING:
    from seplace.placement import Placement

Training = Callable[["Placement", int, int], float]
"""The accuracy in percent of a placement on a seed after some epochs; DataError where it was not scored then."""


def tabular_problem(folder: Path, *, seed: int) -> SearchProblem:
    """Return the table in a results folder as a problem; `seed` shuffles which of its seeds come first.

    The truth is the mean over the table's seeds: a search that trains a placement on most of them has seen most of its
    truth's noise too. DataError where a placement lacks one of the seeds.
    """
    table = CompleteBenchmark.load(folder)
    order = np.random.default_rng(seed).permutation(table.last.shape[1])

    def train(placement: Placement, training_seed: int, epochs: int) -> float:
        return float(table.after(epochs)[table.candidate(placement), order[training_seed]])

    def lose(placement: Placement, training_seed: int) -> float:
        return float(table.cross_entropies[table.candidate(placement), order[training_seed]])

    return table.problem(truth=table.last.mean(axis=1), train=train, lose=lose, seeds=len(order))


@dataclass(frozen=True, kw_only=True)
class CompleteBenchmark:
    """The accuracies of a table that lacks nothing."""

    table: TabularBenchmark
    by_epoch: dict[int, Floats]
    """Percent (candidates, seeds), candidates in the space's order, by the epochs that all were scored at."""
    cross_entropies: Floats
    """Nats (candidates, seeds), after the full length; NaN where it is not known."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a results folder; DataError where a placement of its space lacks one of the seeds."""
        table = TabularBenchmark.load(folder)
        space, epochs = table.config.search_space, table.config.training.epochs
        rows = {
            (row.placement, row.seed): row
            for row in table.rows.values()
            if row.epochs == epochs and row.accuracy is not None and row.placement in space
        }
        seeds = sorted({seed for _, seed in rows})
        if not seeds:
            raise DataError(f"{folder}: no table: nothing of its space was trained to the end")
        lacking = [placement for placement in space if any((placement, seed) not in rows for seed in seeds)]
        if lacking:
            raise DataError(
                f"{folder}: no table: {len(lacking):,} of {len(space):,} placements lack one of {len(seeds)} seeds, "
                f"{lacking[0]} among them; a study with `sampler: exhaustive` trains them all"
            )

        def scores(epoch: int) -> Floats:
            accuracies = [[rows[placement, seed].accuracy_after(epoch) for seed in seeds] for placement in space]
            return np.array(accuracies, dtype=np.float64)

        curve = rows[space.placement_at(0), seeds[0]].curve
        scored = {epoch: scores(epoch) for epoch in sorted({int(point["epoch"] or 0) for point in curve} | {epochs})}
        losses = [[rows[placement, seed].cross_entropy for seed in seeds] for placement in space]
        return cls(
            table=table,
            by_epoch={epoch: each for epoch, each in scored.items() if not np.isnan(each).any()},
            cross_entropies=np.array(losses, dtype=np.float64),
        )

    @property
    def epochs(self) -> int:
        """The full length of a training."""
        return self.table.config.training.epochs

    @property
    def last(self) -> Floats:
        """The accuracies after the full length."""
        return self.by_epoch[self.epochs]

    def after(self, epochs: int) -> Floats:
        """Return the accuracies after some epochs; DataError where there are none."""
        if epochs not in self.by_epoch:
            scored = " and ".join(str(epoch) for epoch in self.by_epoch if epoch != self.epochs)
            raise DataError(f"{self.table.folder}: not all was scored after {epochs} epochs, but after {scored}")
        return self.by_epoch[epochs]

    def candidate(self, placement: Placement) -> int:
        """Return the row of a placement."""
        return self.table.config.search_space.index(placement)

    def problem(
        self, *, truth: Floats, train: Training, lose: Callable[[Placement, int], float], seeds: int | None
    ) -> SearchProblem:
        """Return the problem with the table's space and costs in which trainings end as `train` and `lose` say."""
        config = self.table.config
        return SearchProblem(
            name=config.name,
            space=config.search_space,
            cost_table=self.table.cost_table,
            cost=config.objective.cost,
            truth=truth,
            lowest=float(truth.min()),
            observe=lambda placement, seed: train(placement, seed, self.epochs),
            cross_entropy=None if np.isnan(self.cross_entropies).any() else lose,
            seeds=seeds,
            length=self.epochs,
            early=train,
        )
