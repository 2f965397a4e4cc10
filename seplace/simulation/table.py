"""A table as a world: a study that trained every placement of its space on several seeds."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from seplace.errors import DataError
from seplace.evaluators.trained_table import TrainedTable
from seplace.placement import Placement
from seplace.results import Evaluation
from seplace.simulation.world import World


def table_world(folder: Path, *, seed: int) -> World:
    """Return the table in a results folder as a world; `seed` shuffles which of its seeds come first.

    The truth is the mean over the table's seeds. DataError where a placement lacks one of them.
    """
    table = TrainedTable.load(folder)
    space = table.config.search_space
    accuracies: dict[Placement, dict[int, float]] = defaultdict(dict)
    rows: dict[tuple[Placement, int], Evaluation] = {}
    for row in table.rows.values():
        if row.accuracy is not None and row.placement in space:
            accuracies[row.placement][row.seed] = row.accuracy
            rows[row.placement, row.seed] = row
    most = max((len(by_seed) for by_seed in accuracies.values()), default=0)
    lacking = [placement for placement in space if len(accuracies[placement]) < most]
    if lacking or not most:
        raise DataError(
            f"{folder}: no table: {len(lacking):,} of {len(space):,} placements lack one of {most} seeds, "
            f"{lacking[0]} among them; a study with `sampler: exhaustive` trains them all"
        )
    seeds = np.random.default_rng(seed).permutation(sorted(accuracies[space.placement_at(0)]))

    def observe(placement: Placement, training_seed: int) -> float:
        return accuracies[placement][int(seeds[training_seed])]

    def early(placement: Placement, training_seed: int, epochs: int) -> float:
        seed = int(seeds[training_seed])
        accuracy = rows[placement, seed].accuracy_after(epochs)
        if accuracy is None:
            scored = [f"{point['epoch']:.0f}" for point in rows[placement, seed].curve[:-1]]
            raise DataError(f"{folder}: {placement} was not scored after {epochs} epochs, but {' and '.join(scored)}")
        return accuracy

    truth = np.array([np.mean(list(accuracies[placement].values())) for placement in space])
    return World(
        name=table.config.name,
        space=space,
        prices=table.prices,
        cost=table.config.objective.cost,
        truth=truth,
        lowest=float(truth.min()),
        observe=observe,
        seeds=most,
        length=table.config.training.epochs,
        early=early,
    )
