import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.metric import ACCURACY
from seplace.results.summaries import front_hypervolume, front_of, mean_and_error, seed_effects, summarize
from tests.results.test_evaluation import CBAM, ECA, PLAIN, SE, evaluation, rows


def test_a_summary_holds_the_complete_seeds_of_a_placement():
    found = summarize([*rows(plain=[80, 82], se=[81]), evaluation(PLAIN, 2, None), evaluation(ECA, 0, None)], ACCURACY)
    # Seed 0 is a point below the average of both, so 81 on seed 0 alone is worth 82.
    assert [(str(each.placement), each.n) for each in found] == [(PLAIN, 2), (SE, 1)]
    assert [each.metric.value(each.score) for each in found] == pytest.approx([81.0, 82.0])
    assert found[0].scores == {0: 80, 1: 82}
    assert found[0].costs == {"flops": 1000, "params": 100}


def test_seed_effects_by_arithmetic():
    assert seed_effects([{0: 80.0, 1: 82.0}]) == pytest.approx({0: -1.0, 1: 1.0})
    assert seed_effects([{0: 80.0, 1: 82.0}, {0: 83.0, 1: 83.0}, {0: 50.0}]) == pytest.approx({0: -0.5, 1: 0.5})
    assert seed_effects([{0: 80.0}, {0: 90.0}]) == pytest.approx({0: 0.0})
    assert seed_effects([]) == {}


@given(
    placement_effects=st.lists(st.floats(-5, 5), min_size=1, max_size=6),
    effects=st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    missing=st.sets(st.tuples(st.integers(1, 5), st.integers(0, 3))),
)
def test_seed_effects_are_found_where_not_every_seed_was_trained(placement_effects, effects, missing):
    centered = [effect - sum(effects) / len(effects) for effect in effects]
    accuracies = [
        {seed: 80 + placement + effect for seed, effect in enumerate(centered) if (row, seed) not in missing or not row}
        for row, placement in enumerate(placement_effects)
    ]
    found = seed_effects([by_seed for by_seed in accuracies if by_seed])
    assert [found[seed] for seed in range(len(effects))] == pytest.approx(centered, abs=1e-6)


def test_the_front_is_by_mean_accuracy_and_cheapest_first():
    found = summarize(rows(cbam=[84, 84], eca=[90, 70], plain=[80, 80], se=[83, 81]), ACCURACY)
    assert [str(each.placement) for each in front_of(found, "flops")] == [PLAIN, SE, CBAM]
    assert front_of([], "flops") == []


def test_equal_placements_share_the_front_in_order_of_their_names():
    same = [evaluation(SE, 0, 80.0), evaluation(ECA, 0, 80.0, costs={"flops": 1100})]
    assert [str(each.placement) for each in front_of(summarize(same, ACCURACY), "flops")] == [ECA, SE]


@pytest.mark.parametrize(
    ("values", "mean", "error"),
    [
        ([], math.nan, math.nan),
        ([3.0], 3.0, math.nan),
        ([1.0, 3.0], 2.0, 1.0),  # sd √2, over √2
        ([1.0, 2.0, 3.0, 4.0], 2.5, math.sqrt(5 / 3) / 2),
    ],
)
def test_mean_and_error(values, mean, error):
    assert mean_and_error(values) == pytest.approx((mean, error), nan_ok=True)


def test_the_hypervolume_is_the_front_averaged_over_the_range_of_the_cost():
    # 80 % at the cheapest cost: the whole width; 90 % from 1100 of 1000 … half a percent beyond 1500.
    found = summarize(rows(plain=[80], se=[90]), ACCURACY)
    width = 500 + 0.005 * 500
    assert front_hypervolume(found, "flops", (1000, 1500)) == pytest.approx(80 + 10 * (width - 100) / width)
    assert math.isnan(front_hypervolume([], "flops", (1000, 1500)))
