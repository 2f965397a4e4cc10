"""Simulated searches of a tabular benchmark whose metric is the user's own, maximized and minimized."""

import numpy as np
import pytest

from seplace.costs.table import CostTable
from seplace.errors import InputError
from seplace.placement import StageChoice
from seplace.results.evaluation import Evaluation
from seplace.simulation.comparison import Repetition, repeat
from seplace.simulation.problem_name import problem_of
from seplace.simulation.replay import Phases
from seplace.study.space_file import load_space
from tests.marks import in_the_long_form
from tests.studies import write_small_space
from tests.study_texts import write
from tests.trained import write_table

STUDY = """\
schema: 1
space: {space}
training: {{module: "tests.own_task:Classifier", data: "tests.own_task:Data", trainer: {{max_epochs: 3}}, classes: 3}}
objective: {{metric: {metric}, cost: flops}}
search: {{sampler: exhaustive, trainings: 24, seeds: 3, seed: 0}}
"""
MAXIMIZED = "{name: val_miou, goal: maximize}"
MINIMIZED = "{name: val_error, goal: minimize, scale: 100, unit: mm}"


def write_benchmark(folder, metric: str, *, factor: float):
    """Eight placements on three seeds: each gate adds to the score, and each seed adds more than the one before."""
    space = write_small_space(folder)
    study = write(folder, STUDY.format(space=space, metric=metric))
    random = np.random.default_rng(0)
    rows = [
        Evaluation(
            placement=placement,
            seed=seed,
            epochs=3,
            state="complete",
            value=factor * (0.5 + 0.01 * sum(each.module == "eca" for each in placement.choices) + 0.01 * seed + luck),
            curve=({"epoch": 1, "value": 0.4 * factor}, {"epoch": 3, "value": 0.5 * factor}),
            costs={"flops": 1000 + 10 * sum(each.module == "eca" for each in placement.choices)},
        )
        for placement in load_space(folder / space)
        for seed, luck in enumerate(0.001 * random.standard_normal(3))
    ]
    (folder / "out").mkdir()
    extras = ({StageChoice(): (0,), StageChoice("eca"): (10,)},) * 3
    table = CostTable(names=("flops",), plain=(1000,), extras=extras)
    return str(write_table(folder / "out", study, rows, cost_table=table))


@pytest.mark.parametrize("truth", ["", in_the_long_form("[truth=shrunken]")])
def test_a_benchmark_of_an_error_is_that_of_its_negative(truth, tmp_path):
    found = []
    for name, metric, factor in (("up", MAXIMIZED, 1.0), ("down", MINIMIZED, -100.0)):
        (tmp_path / name).mkdir()
        folder = write_benchmark(tmp_path / name, metric, factor=factor)
        assert problem_of(folder, number=0).metric.is_maximized == (name == "up")
        repetition = Repetition(problem=f"{folder}{truth}", sampler="effects", number=0)
        found.append(repeat(repetition, Phases(trainings=10, seeds=2), [10]))
    one, other = found
    assert [row["front_points"] for row in one.curve] == [row["front_points"] for row in other.curve]
    assert [row["hypervolume"] for row in one.curve] == pytest.approx([row["hypervolume"] for row in other.curve])
    assert one.expected_regret == pytest.approx(other.expected_regret)
    assert one.calibration["claimed"] == other.calibration["claimed"]
    with pytest.raises(InputError, match="images are classified right or not, and the metric is"):
        problem_of(f"{folder}[images=500]", number=0)
