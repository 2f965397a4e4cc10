import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from seplace.interval import Interval
from seplace.rank_correlation import (
    bootstrap_weights,
    ceiling,
    kendall,
    partial_kendall,
    reliability,
    signs,
)

RANDOM = np.random.default_rng(0)
ONE, OTHER, THIRD = (RANDOM.integers(0, 8, 30).astype(float) for _ in range(3))
OTHER += ONE
ONES = np.ones((1, 30))


def test_tau_is_tau_b() -> None:
    assert kendall(signs(ONE), signs(OTHER), ONES)[0] == pytest.approx(kendalltau(ONE, OTHER).statistic)
    assert kendall(signs([1, 2, 3]), signs([3, 2, 1]), np.ones((1, 3)))[0] == -1
    assert math.isnan(kendall(signs([1, 1, 1]), signs([3, 2, 1]), np.ones((1, 3)))[0])


def test_the_worst_of_all_scores_is_a_rank_like_others() -> None:
    scores = [-math.inf, 2.0, 3.0, -math.inf]
    assert signs(scores).tolist() == signs([0.0, 2.0, 3.0, 0.0]).tolist()


def test_weights_are_how_often_each_is_drawn() -> None:
    weights = bootstrap_weights(30, resamples=20, seed=1)
    assert weights[0].tolist() == [1.0] * 30
    assert (weights.sum(axis=1) == 30).all()
    assert not np.array_equal(weights[1], weights[2])
    assert np.array_equal(weights, bootstrap_weights(30, resamples=20, seed=1))
    taus = kendall(signs(ONE), signs(OTHER), weights)
    for row, tau in zip(weights, taus, strict=True):
        drawn = np.repeat(np.arange(30), row.astype(int))
        assert tau == pytest.approx(kendalltau(ONE[drawn], OTHER[drawn]).statistic)


def test_partial_tau_is_the_partial_correlation_of_normal_values_with_these_taus() -> None:
    """By another route: from the inverse of the matrix of all three."""
    taus = np.array(
        [[kendalltau(one, other).statistic for one in (ONE, OTHER, THIRD)] for other in (ONE, OTHER, THIRD)]
    )
    precision = np.linalg.inv(np.sin(np.pi / 2 * taus))
    expected = 2 / math.pi * math.asin(-precision[0, 1] / math.sqrt(precision[0, 0] * precision[1, 1]))
    assert partial_kendall(signs(ONE), signs(OTHER), signs(THIRD), ONES)[0] == pytest.approx(expected)


def test_nothing_is_left_of_what_the_third_explains() -> None:
    """Two values that have nothing in common but a third."""
    random = np.random.default_rng(4)
    third = random.standard_normal(900)
    one, other = third + 0.3 * random.standard_normal(900), third + random.standard_normal(900)
    left = partial_kendall(signs(one), signs(other), signs(third), np.ones((1, 900)))[0]
    assert left == pytest.approx(0.0, abs=0.05)
    assert kendalltau(one, other).statistic > 0.4


def test_nothing_is_left_of_a_proxy_that_ranks_as_cost_does() -> None:
    assert math.isnan(partial_kendall(signs(ONE), signs(OTHER), signs(10 * ONE), ONES)[0])
    tied = partial_kendall(signs(ONE), signs(OTHER), signs(np.zeros(30)), ONES)[0]
    assert tied == pytest.approx(kendalltau(ONE, OTHER).statistic)


def trainings(*, placements: int, seeds: int, share: float, seed: int = 0):
    """True values of variance `share`, and trainings with noise of variance 1 - share."""
    random = np.random.default_rng(seed)
    truth = math.sqrt(share) * random.standard_normal(placements)
    return truth, truth[:, None] + math.sqrt(1 - share) * random.standard_normal((placements, seeds))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_reliability_is_the_share_of_variance_that_placements_explain(share: float) -> None:
    _, values = trainings(placements=800, seeds=3, share=share)
    by_seed = [dict(enumerate(row)) for row in values]
    found = reliability(by_seed, np.ones((1, 800)))[0]
    assert found == pytest.approx(share, abs=0.06)
    correlations = [np.corrcoef(values[:, one], values[:, other])[0, 1] for one, other in ((0, 1), (0, 2), (1, 2))]
    assert found == pytest.approx(max(np.mean(correlations), 0), abs=0.05)


def test_reliability_needs_two_seeds_of_two_placements() -> None:
    assert math.isnan(reliability([{0: 1.0}, {0: 2.0}, {1: 3.0}], np.ones((1, 3)))[0])
    assert math.isnan(reliability([{0: 1.0, 1: 1.5}, {0: 2.0}, {1: 3.0}], np.ones((1, 3)))[0])
    assert reliability([{0: 1.0, 1: 1.5}, {0: 2.0, 1: 1.8}, {1: 3.0}], np.ones((1, 3)))[0] == pytest.approx(1.0)
    assert reliability([{0: 1.0, 1: 2.0}, {0: 2.0, 1: 1.0}], np.ones((1, 2)))[0] == 0.0


def test_the_ceiling_of_equal_numbers_is_that_of_spearman_and_brown() -> None:
    stepped_up = 3 * 0.4 / (1 + 2 * 0.4)
    expected = 2 / math.pi * math.asin(math.sqrt(stepped_up))
    assert ceiling(np.array([0.4]), [3] * 6)[0] == pytest.approx(expected)
    assert ceiling(np.array([0.0, 1.0]), [3, 1, 2]) == pytest.approx([0.0, 1.0])
    assert math.isnan(ceiling(np.array([math.nan]), [3, 1, 2])[0])


def test_the_truth_reaches_the_ceiling() -> None:
    """Also where some placements were trained more often than others."""
    truth, values = trainings(placements=900, seeds=4, share=0.4)
    counts = np.arange(900) % 4 + 1
    means = [row[:count].mean() for row, count in zip(values, counts, strict=True)]
    reached = kendalltau(truth, means).statistic
    highest = ceiling(np.array([0.4]), counts.tolist())[0]
    assert highest == pytest.approx(reached, abs=0.03)
    assert ceiling(np.array([0.4]), [1] * 900)[0] + 0.05 < highest < ceiling(np.array([0.4]), [4] * 900)[0] - 0.05


def test_the_interval_of_a_tau_covers_the_true_one() -> None:
    """Of normal values that correlate by 1/2, tau is 1/3."""
    random = np.random.default_rng(2)
    covered = []
    for seed in range(60):
        one = random.standard_normal(40)
        other = one / 2 + math.sqrt(3) / 2 * random.standard_normal(40)
        interval = Interval.of_resamples(
            kendall(signs(one), signs(other), bootstrap_weights(40, resamples=200, seed=seed))
        )
        covered.append(1 / 3 in interval)
        assert interval.value == pytest.approx(2 / math.pi * math.asin(spearmanr(one, other).statistic), abs=0.25)
    assert 0.78 < np.mean(covered) < 0.98
