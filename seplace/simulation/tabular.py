"""A tabular benchmark as a search problem: a study that trained its whole space on several seeds."""

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
"""The accuracy in percent of a placement on a seed after some epochs. Raises DataError if it was not scored then."""


def tabular_problem(folder: Path, *, seed: int) -> SearchProblem:
    """Return the benchmark in a results folder as a problem; `seed` shuffles the order of its training seeds.

    The truth is the mean over the benchmark's seeds: a search that trains a placement on most of them has seen most of
    the noise of its truth. Raises DataError if a placement lacks one of the seeds.
    """
    benchmark = CompleteBenchmark.load(folder)
    order = np.random.default_rng(seed).permutation(benchmark.last.shape[1])

    def train(placement: Placement, training_seed: int, epochs: int) -> float:
        return float(benchmark.after(epochs)[benchmark.candidate(placement), order[training_seed]])

    def lose(placement: Placement, training_seed: int) -> float:
        return float(benchmark.cross_entropies[benchmark.candidate(placement), order[training_seed]])

    return benchmark.problem(truth=benchmark.last.mean(axis=1), train=train, lose=lose, seeds=len(order))


@dataclass(frozen=True, kw_only=True)
class CompleteBenchmark:
    """The accuracies of a tabular benchmark without missing trainings."""

    source: TabularBenchmark
    by_epoch: dict[int, Floats]
    """Accuracies in percent (candidates, seeds), in the space's order, by the epochs at which all were scored."""
    cross_entropies: Floats
    """In nats (candidates, seeds), after the full length; NaN if unknown."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a results folder. Raises DataError if a placement of its space lacks one of the seeds."""
        benchmark = TabularBenchmark.load(folder)
        space, epochs = benchmark.config.search_space, benchmark.config.training.epochs
        rows = {
            (row.placement, row.seed): row
            for row in benchmark.rows.values()
            if row.epochs == epochs and row.value is not None and row.placement in space
        }
        seeds = sorted({seed for _, seed in rows})
        if not seeds:
            raise DataError(f"{folder}: is no tabular benchmark: no placement of its space was trained to the end")
        lacking = [placement for placement in space if any((placement, seed) not in rows for seed in seeds)]
        if lacking:
            raise DataError(
                f"{folder}: is no tabular benchmark: {len(lacking):,} of {len(space):,} placements lack one of "
                f"{len(seeds)} seeds, {lacking[0]} among them; a study with `sampler: exhaustive` trains them all"
            )

        def scores(epoch: int) -> Floats:
            values = [[rows[placement, seed].value_after(epoch) for seed in seeds] for placement in space]
            return benchmark.config.metric.sign * np.array(values, dtype=np.float64)

        curve = rows[space.placement_at(0), seeds[0]].curve
        scored = {epoch: scores(epoch) for epoch in sorted({int(point["epoch"] or 0) for point in curve} | {epochs})}
        losses = [[rows[placement, seed].cross_entropy for seed in seeds] for placement in space]
        return cls(
            source=benchmark,
            by_epoch={epoch: each for epoch, each in scored.items() if not np.isnan(each).any()},
            cross_entropies=np.array(losses, dtype=np.float64),
        )

    @property
    def epochs(self) -> int:
        """The full length of a training."""
        return self.source.config.training.epochs

    @property
    def last(self) -> Floats:
        """The accuracies after the full length."""
        return self.by_epoch[self.epochs]

    def after(self, epochs: int) -> Floats:
        """Return the accuracies after some epochs. Raises DataError if the table has no accuracy after them."""
        if epochs not in self.by_epoch:
            scored = " and ".join(str(epoch) for epoch in self.by_epoch if epoch != self.epochs)
            raise DataError(f"{self.source.folder}: not all was scored after {epochs} epochs, but after {scored}")
        return self.by_epoch[epochs]

    def candidate(self, placement: Placement) -> int:
        """Return the row of a placement."""
        return self.source.config.search_space.index(placement)

    def problem(
        self, *, truth: Floats, train: Training, lose: Callable[[Placement, int], float], seeds: int | None
    ) -> SearchProblem:
        """Return a problem with the benchmark's space and costs, whose trainings are `train` and `lose`."""
        config = self.source.config
        return SearchProblem(
            name=config.name,
            space=config.search_space,
            cost_table=self.source.cost_table,
            cost=config.objective.cost,
            truth=truth,
            lowest=float(truth.min()),
            observe=lambda placement, seed: train(placement, seed, self.epochs),
            metric=config.metric,
            cross_entropy=None if np.isnan(self.cross_entropies).any() else lose,
            seeds=seeds,
            length=self.epochs,
            early=train,
        )
