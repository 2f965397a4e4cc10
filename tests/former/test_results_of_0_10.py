"""Results that version 0.10 wrote are read by this version: the same numbers under the names of today.

The folder `results_of_0_10` holds two of its published results as they were, without figures: a study whose evaluator
was called `table` then, and a simulation.
"""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seplace.api import Results
from seplace.results.tables import to_csv
from seplace.simulation.comparison import Comparison
from seplace.simulation.curves import summary
from seplace.simulation.replay import Phases

FORMER = Path(__file__).parent / "results_of_0_10"

COLUMNS = {
    "yardstick": "baseline",
    "over_yardstick": "gain_vs_baseline",
    "over_yardstick_lower": "gain_vs_baseline_lower",
    "over_yardstick_upper": "gain_vs_baseline_upper",
    "compared_yardstick": "best_baseline",
    "world": "problem",
    "members": "front_points",
}
"""Former names of columns, with those of today."""

ESTIMATED = ("accuracy", "gain", "gain_vs_baseline", "effect")
"""Columns with intervals that the model of today estimates anew; it also decides what is on the front."""

BY_ESTIMATES = ("on_front", "p_front", "p_better", "p_positive", "best_baseline")

BASELINES = {"none": "plain"}
"""Former names of baselines, with those of today."""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    folder = tmp_path_factory.mktemp("results") / "cifar10-table-search"
    shutil.copytree(FORMER / folder.name, folder)
    return Results.load(folder)


@pytest.fixture
def comparison(tmp_path) -> Comparison:
    folder = tmp_path / "simulation"
    shutil.copytree(FORMER / "simulation-usual-rungs", folder)
    return Comparison(folder, Phases(trainings=100, seeds=3, rungs=(0.11, 0.33)))


def check_same(folder: str, name: str, table: pd.DataFrame, **columns: str) -> None:
    """Hold a table against the one that version 0.10 wrote, number by number; further columns are new.

    Estimates are those of today's model: each lies in the former interval, or that in its own.
    """
    former = pd.read_csv(FORMER / folder / f"{name}.csv", keep_default_na=False, na_values=[""])
    former = former.rename(columns=COLUMNS | columns)
    for column in ("baseline", "best_baseline"):
        if column in former:
            former[column] = former[column].replace(BASELINES)
    current = pd.read_csv(io.StringIO(to_csv(table)), keep_default_na=False, na_values=[""])
    if name in ("front", "recommended"):  # of placements that the model chooses
        former, current = (table.sort_values("placement", ignore_index=True) for table in (former, current))
        shared = set(former["placement"]) & set(current["placement"])
        former, current = (table[table["placement"].isin(shared)].reset_index(drop=True) for table in (former, current))
        assert len(former) > 5
    assert len(current) == len(former)
    estimated = [column for column in ESTIMATED if f"{column}_lower" in former]
    for column in estimated:
        check_overlap(current, former, column)
    bounds = [f"{column}{end}" for column in estimated for end in ("", "_lower", "_upper")]
    for column in former.columns.difference([*bounds, *BY_ESTIMATES]):
        if pd.api.types.is_numeric_dtype(former[column]):
            np.testing.assert_allclose(current[column], former[column], rtol=1e-5, err_msg=f"{name}: {column}")
        else:
            assert current[column].fillna("").to_list() == former[column].fillna("").to_list(), f"{name}: {column}"


def check_overlap(current: pd.DataFrame, former: pd.DataFrame, column: str) -> None:
    known = former[column].notna() & current[column].notna()
    inside = [
        one[f"{column}_lower"].le(other[column]) & one[f"{column}_upper"].ge(other[column])
        for one, other in ((current, former), (former, current))
    ]
    assert (inside[0] | inside[1])[known].all()


@pytest.mark.parametrize("name", ["evaluations", "placements", "front", "effects", "recommended"])
def test_the_tables_of_a_study_hold_the_same_numbers(results: Results, name: str):
    assert results.config.evaluator.name == "tabular"
    check_same("cifar10-table-search", name, getattr(results, name))


def test_the_tables_of_a_simulation_hold_the_same_numbers(comparison: Comparison):
    folder = "simulation-usual-rungs"
    check_same(folder, "curves", comparison.curves())
    check_same(folder, "beliefs", comparison.calibrations())
    check_same(folder, "rungs", comparison.rungs())
    bounds = {"lower": "hypervolume_lower", "upper": "hypervolume_upper"}
    check_same(folder, "summary", summary(comparison.curves()), **bounds)
