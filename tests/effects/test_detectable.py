import math
from statistics import NormalDist

import numpy as np
import pytest

from seplace.effects.design import Design
from seplace.effects.detectable import (
    POWER,
    Scatter,
    detectable_gain,
    detectable_gain_of,
    simultaneous_margin,
)
from seplace.effects.estimates import Estimates
from tests.effects.toy import SMALL, observed

SCATTER = Scatter(noise=0.006, flips=0.08, difference=0.02)


def test_the_error_of_a_gain_by_arithmetic():
    assert SCATTER.image_variance(500) == pytest.approx(100**2 * 0.02 / 500)
    assert SCATTER.training_variance(500, seeds=2) == pytest.approx(2 * (0.6**2 + 100**2 * 0.08 / 500) / 2)
    assert SCATTER.error(images=500, seeds=2) == pytest.approx(math.sqrt(0.4 + 0.36 + 1.6))
    assert SCATTER.disagreement == pytest.approx(0.18)


def test_no_seed_reduces_the_variance_of_images():
    errors = [SCATTER.error(images=500, seeds=seeds) for seeds in (1, 2, 4, 10**9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(math.sqrt(SCATTER.image_variance(500)))
    assert SCATTER.error(images=10**12, seeds=2) == pytest.approx(0.6)


def test_trainings_that_all_agree_scatter_by_the_rounding_to_images():
    none = Scatter(noise=0.0, flips=0.0, difference=0.0)
    assert none.error(images=100, seeds=2) == pytest.approx(1 / math.sqrt(12))


@pytest.mark.parametrize(
    ("compared", "margin"),
    [(1, 1.645), (2, 1.92), (5, 2.23), (9, 2.42)],
    ids=["one sided", "Dunnett 1955, table 1a", "the same", "the same"],
)
def test_the_margin_is_that_of_published_tables(compared, margin):
    assert simultaneous_margin(compared) == pytest.approx(margin, abs=0.006)


def test_the_margin_of_many_is_below_that_of_independent_comparisons():
    for compared in (10, 100, 10_000):
        independent = NormalDist().inv_cdf(0.95 ** (1 / compared))
        assert simultaneous_margin(compared - 1) < simultaneous_margin(compared) < independent


def test_the_gain_grows_with_the_power_and_the_comparisons():
    assert detectable_gain(2.0, compared=1) == pytest.approx(2 * (1.6449 + 0.8416), abs=1e-3)
    assert detectable_gain(1.0, compared=20) > detectable_gain(1.0, compared=1)
    assert detectable_gain(1.0, compared=1, power=0.9) > detectable_gain(1.0, compared=1)
    assert detectable_gain(1.0, compared=3, power=0.5) == pytest.approx(simultaneous_margin(3))


def test_the_gain_that_trainings_would_have_shown():
    random = np.random.default_rng(0)
    truth = {SMALL.placement_at(at): 80.0 for at in range(9)}
    plain = SMALL.placement_at(0)
    assert plain.is_plain
    gains = []
    for noise in (0.2, 0.8):
        trained = observed(truth, seeds=2, noise=noise, random=random)
        trained = [each for each in trained if each.seed == 0 or each.placement in list(truth)[:5]]
        estimates = Estimates(Design(SMALL), trained, dict.fromkeys(truth, 1.0))
        error = estimates.posterior.noise_sd  # twice its variance, over two seeds
        assert detectable_gain_of(estimates, plain) == pytest.approx(detectable_gain(error, compared=4))
        gains.append(detectable_gain_of(estimates, plain))
    assert gains[1] > 2 * gains[0]
    alone = [each for each in trained if each.seed == 0]
    assert detectable_gain_of(Estimates(Design(SMALL), alone, dict.fromkeys(truth, 1.0)), plain) is None


def test_the_power_is_as_stated_on_new_images_and_seeds():
    # Image by image: difficulty, a placement's own view of it, and for each training its own noise; right above 0.
    random = np.random.default_rng(0)
    compared, images, seeds = 8, 300, 2
    of_image, of_placement, of_training = 1.5, 0.5, 1.0

    def trainings(means, *, images, seeds):
        latent = means[:, None, None] + of_image * random.standard_normal(images)
        latent = latent + of_placement * random.standard_normal((len(means), 1, images))
        return latent + of_training * random.standard_normal((len(means), seeds, images)) > 0

    means = np.full(compared + 1, 0.8)
    many = trainings(means[:2], images=200_000, seeds=2).astype(float)
    gains = many[1] - many[0]  # (seeds, images)
    covariance = np.cov(gains)
    scatter = Scatter(noise=0.0, flips=(covariance[0, 0] - covariance[0, 1]) / 2, difference=covariance[0, 1])
    error = scatter.error(images=images, seeds=seeds)
    gain, margin = detectable_gain(error, compared=compared), simultaneous_margin(compared)
    spread = math.sqrt(of_image**2 + of_placement**2 + of_training**2)
    accuracy = NormalDist().cdf(means[0] / spread)
    means[1] = spread * NormalDist().inv_cdf(accuracy + gain / 100)
    repeated = [100 * trainings(means, images=images, seeds=seeds).mean(axis=(1, 2)) for _ in range(600)]
    shown = np.array(repeated)[:, 1:] - np.array(repeated)[:, :1] > margin * error
    assert shown[:, 0].mean() == pytest.approx(POWER, abs=0.05)
    assert shown[:, 1:].any(axis=1).mean() == pytest.approx(0.05, abs=0.03)
