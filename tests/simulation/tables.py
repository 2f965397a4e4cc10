"""Tabular benchmarks of made-up trainings."""

import numpy as np

from seplace.costs.table import CostTable
from seplace.placement import StageChoice
from seplace.results.evaluation import Evaluation
from seplace.study.space_file import load_space
from tests.studies import write_small_space, write_study
from tests.trained import write_table


def write_scored_table(folder, scores, *, lose=None):
    """Write the results folder of a study that trained its eight placements on some seeds; NaN is a failure.

    `lose` returns the cross-entropy of an accuracy.
    """
    folder.mkdir(exist_ok=True)
    name = write_small_space(folder)
    _, seeds = scores.shape
    search = {"sampler": "exhaustive", "trainings": 8 * seeds, "seeds": seeds}
    study = write_study(folder, space=name, training={"epochs": 3}, search=search)
    rows = []
    for placement, accuracies in zip(load_space(folder / name), scores, strict=True):
        gates = sum(choice.module == "eca" for choice in placement.choices)
        for seed, accuracy in enumerate(accuracies):
            failed = np.isnan(accuracy)
            curve = () if failed else ({"epoch": 1, "value": round(accuracy) - 20.0}, {"epoch": 3, "value": 0.0})
            rows.append(
                Evaluation(
                    placement=placement,
                    seed=seed,
                    epochs=3,
                    state="failed" if failed else "complete",
                    value=None if failed else float(accuracy),
                    cross_entropy=None if failed or lose is None else lose(accuracy),
                    curve=curve,
                    costs={"flops": 1000 + 10 * gates},
                )
            )
    extras = ({StageChoice(): (0,), StageChoice("eca"): (10,)},) * 3
    return write_table(
        folder / "out", study, rows, cost_table=CostTable(names=("flops",), plain=(1000,), extras=extras)
    )
