import functools
import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from seplace.effects.regression import Columns, Regression, Residual, Scale

SCALES = (Scale(median=0.4, common=0.8), Scale(median=0.2, spread=0.7, common=0.5))
NOISE, UNIT = Scale(median=0.6), Scale(median=0.15, common=1.2)
PRIORS = (*SCALES, NOISE, UNIT)
GROUP = np.array([-1, 0, 0, 0, 1, 1, 0])
FLOORS = np.array([0.5, 0.0, 0.1, 0.3, 0.0, 0.02, 0.2])
NOISE_FLOOR, UNIT_FLOOR = 0.2, 0.07
COLUMNS = Columns(group=GROUP, scales=SCALES, fixed_scale=10.0)


def data(*, units: int = 6, seed: int = 0, most: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, y and units; units have from one to `most` rows, which need not be alike."""
    random = np.random.default_rng(seed)
    unit = random.permutation(np.repeat(np.arange(units), random.integers(1, most + 1, size=units)))
    rows = np.hstack([np.ones((len(unit), 1)), random.standard_normal((len(unit), len(GROUP) - 1))])
    return rows, random.standard_normal(len(unit)), unit


def regression(rows: np.ndarray, y: np.ndarray, unit: np.ndarray, columns: Columns = COLUMNS) -> Regression:
    return Regression(rows, y, unit, columns, noise=Residual(prior=NOISE), unit_effect=Residual(prior=UNIT))


def sd_of(group_sd: np.ndarray) -> np.ndarray:
    return np.array([10.0, *(group_sd[number] for number in GROUP[1:])])


def residual_covariance(unit: np.ndarray, *, noise: float, unit_sd: float) -> np.ndarray:
    return noise**2 * np.eye(len(unit)) + unit_sd**2 * (unit[:, None] == unit)


def dense_log_posterior(rows: np.ndarray, y: np.ndarray, unit: np.ndarray, log_scales: np.ndarray) -> float:
    *groups, noise, unit_sd = np.exp(log_scales)
    covariance = rows @ np.diag(sd_of(np.array(groups)) ** 2) @ rows.T
    covariance += residual_covariance(unit, noise=noise, unit_sd=unit_sd)
    return float(multivariate_normal.logpdf(y, np.zeros(len(y)), covariance) + log_prior(log_scales))


def log_prior(log_scales: np.ndarray) -> float:
    """Sum over a grid of what the scales share."""
    shared = np.linspace(-9, 9, 3001)
    heights = norm.logpdf(shared)
    for at, prior in zip(log_scales, PRIORS, strict=True):
        heights = heights + norm.logpdf(at, np.log(prior.median) + prior.common * shared, prior.spread)
    return float(logsumexp(heights))


@pytest.mark.parametrize(("units", "most"), [(1, 1), (3, 1), (6, 4), (1, 5), (40, 3)])
def test_the_log_posterior_is_the_dense_normal_density(units, most):
    given = data(units=units, seed=units, most=most)
    made = regression(*given)
    random = np.random.default_rng(1)
    points = [np.log([p.median for p in PRIORS]) + random.normal(scale=1.5, size=4) for _ in range(6)]
    gaps = [made.log_posterior(point)[0] - dense_log_posterior(*given, point) for point in points]
    assert gaps == pytest.approx([gaps[0]] * 6, abs=1e-6)


def with_floors(rows: np.ndarray, y: np.ndarray, unit: np.ndarray) -> Regression:
    columns = Columns(group=GROUP, scales=SCALES, fixed_scale=10.0, floors=FLOORS)
    noise, unit_effect = Residual(prior=NOISE, floor=NOISE_FLOOR), Residual(prior=UNIT, floor=UNIT_FLOOR)
    return Regression(rows, y, unit, columns, noise=noise, unit_effect=unit_effect)


@pytest.mark.parametrize(("units", "most"), [(3, 1), (6, 4), (40, 3)])
def test_known_parts_of_the_variances_belong_to_the_density(units, most):
    rows, y, unit = data(units=units, seed=units, most=most)
    made = with_floors(rows, y, unit)
    random = np.random.default_rng(1)
    gaps = []
    for _ in range(5):
        point = np.log([p.median for p in PRIORS]) + random.normal(scale=1.5, size=4)
        *groups, noise, unit_sd = np.exp(point)
        covariance = rows @ np.diag(sd_of(np.array(groups)) ** 2 + FLOORS) @ rows.T
        covariance += residual_covariance(unit, noise=np.hypot(noise, NOISE_FLOOR**0.5), unit_sd=0.0)
        covariance += (unit_sd**2 + UNIT_FLOOR) * (unit[:, None] == unit)
        dense = multivariate_normal.logpdf(y, np.zeros(len(y)), covariance) + log_prior(point)
        gaps.append(made.log_posterior(point)[0] - dense)
    assert gaps == pytest.approx([gaps[0]] * 5, abs=1e-6)


def test_coefficients_without_their_known_parts_are_those_of_a_model_with_columns_for_both():
    rows, y, unit = data(units=8, seed=5)
    draw = with_floors(rows, y, unit).draws(1, np.random.default_rng(0))[0]
    own = sd_of(draw.group_sd)
    both = np.hstack([rows, rows])
    prior = np.concatenate([own**2, FLOORS])
    residual = residual_covariance(unit, noise=draw.noise_sd, unit_sd=draw.unit_sd)
    gain = prior[:, None] * both.T @ np.linalg.inv(both @ np.diag(prior) @ both.T + residual)
    mean = (gain @ y)[: len(own)]
    covariance = (np.diag(prior) - gain @ both @ np.diag(prior))[: len(own), : len(own)]
    random = np.random.default_rng(1)
    samples = np.array([draw.without_floors(draw.sample(random), random) for _ in range(20_000)])
    sd = np.sqrt(np.diag(covariance))
    assert draw.kept * draw.mean == pytest.approx(mean, rel=1e-6, abs=1e-8)
    assert np.abs((samples.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(20_000)
    assert np.abs(np.cov(samples.T) - covariance).max() / np.outer(sd, sd).max() < 0.05


@pytest.mark.parametrize("make", [regression, with_floors], ids=["no floors", "floors"])
@pytest.mark.parametrize("units", [2, 6, 25])
def test_the_gradient_is_the_slope(units, make):
    made = make(*data(units=units, seed=units))
    random = np.random.default_rng(2)
    for _ in range(4):
        point = random.normal(loc=-1, scale=1, size=4)
        slopes = [
            (made.log_posterior(point + step)[0] - made.log_posterior(point - step)[0]) / 2e-5
            for step in 1e-5 * np.eye(4)
        ]
        assert made.log_posterior(point)[1] == pytest.approx(slopes, rel=1e-4, abs=1e-4)


def test_the_maximum_is_not_improved_nearby():
    made = regression(*data(units=20, seed=3))
    best = made.maximize()
    height = made.log_posterior(best)[0]
    random = np.random.default_rng(0)
    for size in (0.02, 0.2, 2.0):
        for _ in range(50):
            assert made.log_posterior(best + size * random.standard_normal(4))[0] < height + 1e-4


@pytest.mark.parametrize("count", [1, 12])
def test_draws_are_the_dense_conditional_of_their_scales(count):
    rows, y, unit = data(units=8, seed=4)
    draws = regression(rows, y, unit).draws(count, np.random.default_rng(0))
    assert len(draws) == count
    assert sum(draw.weight for draw in draws) == pytest.approx(1)
    assert all(draw.weight >= 0 for draw in draws)
    for draw in draws:
        residual = residual_covariance(unit, noise=draw.noise_sd, unit_sd=draw.unit_sd)
        precision = rows.T @ np.linalg.solve(residual, rows) + np.diag(sd_of(draw.group_sd) ** -2.0)
        covariance = np.linalg.inv(precision)
        assert draw.mean == pytest.approx(covariance @ rows.T @ np.linalg.solve(residual, y), rel=1e-6, abs=1e-8)
        assert draw.root @ draw.root.T == pytest.approx(covariance, rel=1e-6, abs=1e-8)


def test_samples_have_the_mean_and_covariance_of_the_draw():
    draw = regression(*data(units=8, seed=5)).draws(1, np.random.default_rng(0))[0]
    random = np.random.default_rng(1)
    samples = np.array([draw.sample(random) for _ in range(20_000)])
    covariance = draw.root @ draw.root.T
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((samples.mean(axis=0) - draw.mean) / sd).max() < 4 / np.sqrt(20_000)
    assert np.abs(np.cov(samples.T) - covariance).max() / np.outer(sd, sd).max() < 0.05


@functools.cache
def on_a_grid() -> tuple[Regression, np.ndarray, np.ndarray]:
    """A regression with one group, and the posterior mean and sd of its three log scales by summing over a grid."""
    random = np.random.default_rng(6)
    unit = np.repeat(np.arange(8), 2)
    rows = np.hstack([np.ones((16, 1)), random.standard_normal((8, 3))[unit]])
    y = rows[:, 1:] @ [0.5, -0.7, 0.2] + 0.4 * random.standard_normal(16)
    columns = Columns(group=np.array([-1, 0, 0, 0]), scales=(Scale(median=0.4),), fixed_scale=10.0)
    made = regression(rows, y, unit, columns)
    spans = [(0.4, -3.5, 3.5), (0.4, -1.2, 1.5), (0.15, -4.0, 3.5)]
    axes = [np.log(around) + np.linspace(below, above, 13) for around, below, above in spans]
    points = np.array(list(itertools.product(*axes)))
    height = np.array([made.log_posterior(point)[0] for point in points])
    weights = np.exp(height - height.max())
    weights /= weights.sum()
    mean = weights @ points
    return made, mean, np.sqrt(weights @ (points - mean) ** 2)


def test_weighted_draws_are_the_posterior_of_the_scales():
    made, mean, sd = on_a_grid()
    draws = made.draws(800, np.random.default_rng(7))
    logs = np.log([(draw.group_sd[0], draw.noise_sd, draw.unit_sd) for draw in draws])
    weights = np.array([draw.weight for draw in draws])
    assert np.abs((weights @ logs - mean) / sd).max() < 0.15
    assert np.sqrt(weights @ (logs - mean) ** 2) == pytest.approx(sd, rel=0.15)


def test_a_single_draw_is_about_the_posterior_of_the_scales():
    """One draw cannot be weighted; its distribution must not be far off all the same."""
    made, mean, sd = on_a_grid()
    random = np.random.default_rng(8)
    draws = [made.draws(1, random)[0] for _ in range(80)]
    logs = np.log([(draw.group_sd[0], draw.noise_sd, draw.unit_sd) for draw in draws])
    assert np.abs((logs.mean(axis=0) - mean) / sd).max() < 0.7
    assert (np.abs(logs - mean) / sd < 4).mean() > 0.95


def test_recovers_scales_and_noise():
    random = np.random.default_rng(9)
    group = np.repeat([0, 1], 60)
    columns = Columns(group=np.append(-1, group), scales=SCALES, fixed_scale=10.0)
    unit = np.repeat(np.arange(300), 3)
    features = random.standard_normal((300, 120))
    truth = np.where(group == 0, 0.5, 0.05) * random.standard_normal(120)
    y = (features @ truth + 0.3 * random.standard_normal(300))[unit] + 0.2 * random.standard_normal(900) + 2.0
    made = regression(np.hstack([np.ones((900, 1)), features[unit]]), y, unit, columns)
    *groups, noise, unit_sd = np.exp(made.maximize())
    assert noise == pytest.approx(0.2, rel=0.1)
    assert unit_sd == pytest.approx(0.3, rel=0.15)
    assert groups[0] == pytest.approx(0.5, rel=0.3)
    assert groups[1] == pytest.approx(0.05, rel=0.5)
    draw = made.draws(8, random)[0]
    assert draw.mean[0] == pytest.approx(2.0, abs=0.1)
    assert np.corrcoef(draw.mean[1:], truth)[0, 1] > 0.99


def test_scales_that_share_something_shrink_together():
    random = np.random.default_rng(8)
    rows = random.standard_normal((60, 12))
    group = np.repeat(np.arange(6), 2)
    seen = group < 5
    y = random.standard_normal(60)  # nothing has an effect, and of the last group the data say nothing
    found = {}
    for common in (0.0, 1.0):
        columns = Columns(group=group, scales=(Scale(median=0.4, common=common),) * 6, fixed_scale=10.0)
        made = Regression(
            rows * seen,
            y,
            np.arange(60),
            columns,
            noise=Residual(prior=NOISE),
            unit_effect=Residual(prior=Scale(median=0.15)),
        )
        found[common] = np.exp(made.maximize())
    assert found[0.0][5] == pytest.approx(0.4, rel=1e-3)
    assert found[1.0][5] < 0.2
    assert found[1.0][:5].mean() < found[0.0][:5].mean()


@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e3])
def test_extreme_data_leave_finite_draws(spread):
    rows, y, unit = data(units=10, seed=10)
    for draw in regression(rows, spread * y, unit).draws(6, np.random.default_rng(0)):
        assert np.isfinite(draw.mean).all()
        assert np.isfinite(draw.root).all()
        assert 1e-3 <= draw.noise_sd <= 20 + 1e-9
