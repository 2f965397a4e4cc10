import pytest

from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.history import history_frame


def row(placement: str, accuracy: float | None, cost: float, *, seed: int = 0) -> Evaluation:
    state = "failed" if accuracy is None else "complete"
    costs = {"flops": cost}
    return Evaluation(
        placement=Placement.parse(placement), seed=seed, epochs=1, state=state, value=accuracy, costs=costs
    )


def test_the_hypervolume_is_the_accuracy_averaged_over_the_range_of_the_cost():
    rows = [row("none-none", 50.0, 0.0), row("eca-none", None, 100.0), row("none-eca", 70.0, 200.0)]
    means = {Placement.parse("none-none"): 50.0, Placement.parse("none-eca"): 60.0}
    table = history_frame(rows, cost="flops", metric=ACCURACY, means=means)
    assert table["trainings"].tolist() == [1, 2]  # the failed one does not count
    assert table["placement"].tolist() == ["none-none", "none-eca"]
    # The reference cost is 0.5 % of the range above the dearest.
    assert table["hypervolume"].tolist() == pytest.approx([50.0, (50 * 200 + 60 * 1) / 201])
    assert table["observed_hypervolume"].tolist() == pytest.approx([50.0, (50 * 200 + 70 * 1) / 201])


def test_observed_means_may_fall_and_estimates_do_not():
    rows = [row("none-none", 50.0, 1.0), row("eca-none", 80.0, 1.0), row("eca-none", 40.0, 1.0, seed=1)]
    rows.append(row("none-none", 50.0, 1.0, seed=1))
    means = {Placement.parse("none-none"): 50.0, Placement.parse("eca-none"): 60.0}
    table = history_frame(rows, cost="flops", metric=ACCURACY, means=means)
    assert table["observed_hypervolume"].iloc[1] > table["observed_hypervolume"].iloc[-1]
    assert table["hypervolume"].is_monotonic_increasing


def test_a_long_study_is_looked_at_now_and_then():
    rows = [row(f"se{number}-none", 50.0, 1.0) for number in range(1, 1001)]
    table = history_frame(rows, cost="flops", metric=ACCURACY, means={})
    assert (len(table), table["trainings"].iloc[0], table["trainings"].iloc[-1]) == (200, 1, 1000)
    assert table["hypervolume"].isna().all()


def test_without_a_training_there_is_no_history():
    assert history_frame([row("none-none", None, 1.0)], cost="flops", metric=ACCURACY, means={}).empty
