"""The reference is the same model as one dense normal distribution over all accuracies."""

import itertools

import numpy as np
import pytest

from seplace.effects.design import Design
from seplace.effects.model import Observation, Posterior
from seplace.interval import Interval
from seplace.placement import Placement
from seplace.study.space_file import load_space
from tests.effects.toy import SMALL, WIDER, all_levels, observed, parse, space_with

MARK = Placement.parse("se16-se16-se16")
"""A baseline that makes choices which SMALL does not have."""


def some_truth(count: int = 9, *, seed: int = 0) -> dict[Placement, float]:
    random = np.random.default_rng(seed)
    chosen = [SMALL.placement_at(int(index)) for index in random.choice(len(SMALL), size=count, replace=False)]
    return {placement: 80 + float(random.standard_normal()) for placement in [*chosen, MARK]}


def some_observations(*, seeds: int = 2, seed: int = 0) -> list[Observation]:
    random = np.random.default_rng(seed)
    made = observed(some_truth(seed=seed), seeds=seeds, noise=0.4, random=random, luck=0.5)
    return [*made[:-5], Observation(placement=made[0].placement, seed=None, score=80.5)]


def posterior_of(observations: list[Observation], *, draws: int = 1, seed: int = 1) -> Posterior:
    return Posterior(Design(SMALL), observations, draws=draws, random=np.random.default_rng(seed))


def dense(posterior: Posterior, observations: list[Observation], chosen: list[Placement]) -> tuple:
    """The mean and covariance of accuracies under the scales of the one draw, by conditioning a joint normal."""
    (draw,) = posterior.draws
    design = posterior.design
    accuracies = np.array([each.score for each in observations])
    centre, spread = accuracies.mean(), accuracies.std()
    sd = dict(zip(posterior.kinds, draw.group_sd, strict=True))
    variances = np.array([sd[group] ** 2 for group in design.groups])
    placements = [*(each.placement for each in observations), *chosen]
    rows = design.rows(design.levels(placements))
    same = np.array([[one == other for other in placements] for one in placements])
    known = set(posterior.placements)
    private = np.diag([float(each in known) for each in placements]) @ same * draw.unit_sd**2
    prior = 100.0 + (rows * variances) @ rows.T + private
    n = len(observations)
    paired = [[one.seed == other.seed is not None for other in observations] for one in observations]
    data = prior[:n, :n] + draw.noise_sd**2 * np.eye(n) + np.array(paired) * sd["seed"] ** 2
    gain = np.linalg.solve(data, prior[:n, n:]).T
    mean = centre + gain @ (accuracies - centre)
    return mean, spread**2 * (prior[n:, n:] - gain @ prior[:n, n:])


def test_the_mean_is_the_dense_conditional_mean():
    observations = some_observations()
    posterior = posterior_of(observations)
    mean, _ = dense(posterior, observations, [*SMALL, *posterior.placements])
    surface = posterior.mean()
    assert surface.everywhere() == pytest.approx(mean[: len(SMALL)], abs=1e-6)
    assert surface.observed() == pytest.approx(mean[len(SMALL) :], abs=1e-6)


def test_drawn_accuracies_have_the_dense_mean_and_covariance():
    observations = some_observations()
    posterior = posterior_of(observations)
    chosen = [*itertools.islice(SMALL, 0, None, 3), *posterior.placements]
    mean, covariance = dense(posterior, observations, chosen)
    samples = posterior.sample_at(posterior.design.levels(chosen), 20_000)
    assert samples.shape == (20_000, len(chosen))
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((samples.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(20_000)
    assert np.abs((np.cov(samples.T) - covariance) / np.outer(sd, sd)).max() < 0.05


def test_drawn_surfaces_have_the_dense_mean_and_covariance():
    observations = some_observations(seed=2)
    posterior = posterior_of(observations)
    chosen = [*itertools.islice(SMALL, 0, None, 3)]
    mean, covariance = dense(posterior, observations, chosen)
    levels = posterior.design.levels(chosen)
    samples = np.array([posterior.sample().at(levels) for _ in range(2500)])
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((samples.mean(axis=0) - mean) / sd).max() < 4.5 / np.sqrt(2500)
    assert np.abs((np.cov(samples.T) - covariance) / np.outer(sd, sd)).max() < 0.12


def test_several_draws_are_weighted():
    """The mean of many samples is the posterior mean, also over several sets of scales."""
    posterior = posterior_of(some_observations(seed=3), draws=12)
    samples = posterior.sample_at(posterior.levels, 40_000)
    assert len(samples) == 40_000
    sd = samples.std(axis=0)
    assert np.abs((samples.mean(axis=0) - posterior.mean().observed()) / sd).max() < 0.03


@pytest.mark.parametrize("space", [SMALL, WIDER, load_space("digits-resnet8")])
def test_everywhere_is_at_every_candidate(space):
    random = np.random.default_rng(4)
    placements = [space.placement_at(int(index)) for index in random.choice(len(space), size=12, replace=False)]
    placements += space.baselines.values()
    observations = [
        Observation(placement=placement, seed=number % 2, score=float(random.normal()))
        for number, placement in enumerate(placements)
    ]
    posterior = Posterior(Design(space), observations, draws=2, random=random)
    for surface in (posterior.mean(), posterior.sample()):
        assert surface.everywhere() == pytest.approx(surface.at(all_levels(posterior.design.shape)), abs=1e-9)
        assert surface.observed() == pytest.approx(surface.at(posterior.levels), abs=1e-9)
        found = [surface.everywhere()[space.index(each)] for each in posterior.placements if each in space]
        inside = [value for value, each in zip(surface.observed(), posterior.placements, strict=True) if each in space]
        assert found == pytest.approx(inside, abs=1e-9)


def test_many_seeds_leave_no_doubt():
    truth = some_truth(seed=5)
    random = np.random.default_rng(5)
    posterior = posterior_of(observed(truth, seeds=60, noise=0.3, random=random), draws=8)
    assert posterior.mean().observed() == pytest.approx(list(truth.values()), abs=0.15)
    assert posterior.noise_sd == pytest.approx(0.3, rel=0.1)


def test_a_seed_that_all_share_is_no_merit():
    """Paired on seed 0; on seed 1, three points better, one placement stands beside `none` alone."""
    texts = ["none-none-none", "eca-none-none", "none-eca-none", "none-none-eca", "se4-none-none", "none-se4-none"]
    random = np.random.default_rng(6)
    rows = [(text, 0) for text in texts[:-1]] + [(text, 1) for text in (*texts[:4], texts[-1])]
    observations = [
        Observation(placement=Placement.parse(text), seed=seed, score=80 + 3 * seed + 0.1 * random.standard_normal())
        for text, seed in rows
    ]
    posterior = posterior_of(observations, draws=16)
    at = {
        str(placement): value
        for placement, value in zip(posterior.placements, posterior.mean().observed(), strict=True)
    }
    assert abs(at["none-se4-none"] - at["se4-none-none"]) < 0.6
    assert abs(at["none-se4-none"] - at["none-none-none"]) < 0.4


def test_seeds_that_pair_nothing_are_no_seeds():
    observations = [Observation(placement=each, seed=None, score=value) for each, value in some_truth().items()]
    posterior = posterior_of(observations)
    assert "seed" not in posterior.kinds
    assert np.isfinite(posterior.mean().everywhere()).all()


def test_the_order_of_observations_does_not_matter():
    observations = some_observations(seed=7)
    straight = posterior_of(observations, draws=6)
    for number in range(3):
        shuffled = [observations[at] for at in np.random.default_rng(number).permutation(len(observations))]
        other = posterior_of(shuffled, draws=6)
        assert other.mean().everywhere() == pytest.approx(straight.mean().everywhere(), abs=0.01)
        assert other.noise_sd == pytest.approx(straight.noise_sd, rel=0.01)


@pytest.mark.parametrize(("shift", "stretch"), [(-75.0, 1.0), (0.0, 0.02), (3.0, 40.0)])
def test_the_unit_of_accuracy_does_not_matter(shift, stretch):
    observations = some_observations(seed=8)
    scaled = [
        Observation(placement=each.placement, seed=each.seed, score=shift + stretch * each.score)
        for each in observations
    ]
    expected = shift + stretch * posterior_of(observations).mean().everywhere()
    assert posterior_of(scaled).mean().everywhere() == pytest.approx(expected, abs=0.01 * stretch)


def test_what_was_not_observed_has_nothing_private():
    posterior = posterior_of(some_observations(seed=9))
    unseen = next(each for each in SMALL if each not in posterior.placements)
    levels = posterior.design.levels([unseen])
    surface = posterior.sample()
    assert surface.at(levels) == pytest.approx(surface.intercept + surface.effects.at(levels))


def test_learns_that_a_module_pays_in_one_place():
    space = space_with(*[parse("none", "eca", "se4")] * 3)
    random = np.random.default_rng(10)
    candidates = [space.placement_at(int(index)) for index in random.choice(len(space), size=14, replace=False)]
    truth = {each: 80.0 + 2.0 * (each.choices[2].module == "eca") for each in candidates}
    observations = observed(truth, seeds=1, noise=0.2, random=random)
    surface = Posterior(Design(space), observations, draws=8, random=random).mean()
    gains = surface.everywhere().reshape(3, 3, 3) - surface.everywhere()[0]
    assert gains[:, :, 1].mean() - gains[:, :, 0].mean() == pytest.approx(2.0, abs=0.4)
    assert gains[:, 1].mean() - gains[:, 0].mean() == pytest.approx(0.0, abs=0.4)


@pytest.mark.parametrize("count", [1, 2])
def test_little_data_are_no_certainty(count):
    """Trainings that chance to be equally accurate, or a single one, say little of the noise."""
    candidates = [SMALL.placement_at(at) for at in range(count)]
    posterior = posterior_of([Observation(placement=each, seed=0, score=90.0) for each in candidates])
    samples = posterior.sample_at(posterior.levels, 500)
    assert samples.mean(axis=0) == pytest.approx([90.0] * count, abs=0.5)
    assert samples.std(axis=0).min() > 0.02


def test_seeds_change_the_effects_of_choices_that_several_trainings_hold():
    design = Design(SMALL)
    texts = [f"{each}-none" for each in ("none-none", "se4-none", "se4-eca", "none-eca", "se4-none", "none-none")]
    levels = design.levels([Placement.parse(text) for text in texts])
    columns, kinds = design.seed_columns(levels, [0, 0, 0, 0, 1, 1])
    assert kinds == ["seed", "seed x choice", "seed x choice", "seed"]
    assert columns.T.tolist() == [
        [1, 1, 1, 1, 0, 0],
        [0, 1, 1, 0, 0, 0],  # se4 in stage 1 on seed 0; alone on seed 1 it is noise
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1],
    ]


def test_backbones_that_share_no_weights_have_seeds_of_their_own():
    """One seed of each: what they differ by may be the seed's doing, and the interval says so."""
    space = load_space("cifar-resnet8-or-wider")
    wider = next(each for each in space if each.variant and not any(choice.module != "none" for choice in each.choices))
    random = np.random.default_rng(4)
    accuracies = {
        placement: 60 + 5.0 * bool(placement.variant) + random.normal(0, 0.1) for placement in list(space)[::16]
    }
    plain = next(iter(accuracies))
    observations = [Observation(placement=each, seed=0, score=value) for each, value in accuracies.items()]
    posterior = Posterior(Design(space), observations, draws=24, random=random, robust=True)
    drawn = posterior.sample_at(posterior.design.levels([wider, plain]), 2000)
    gain = Interval.of_draws(drawn[:, 0] - drawn[:, 1])
    assert gain.lower < 0
    assert gain.upper - gain.lower > 4


def test_gains_do_not_rest_on_the_sum_of_effects():
    """Any attention adds 2 points, whichever and wherever: a sum of effects has plain 1 point higher than it is."""
    random = np.random.default_rng(5)
    observations = [
        Observation(placement=each, seed=0, score=70 + 2.0 * (not each.is_plain) + random.normal(0, 0.2))
        for each in SMALL
        if each.is_plain or sum(choice.module == "none" for choice in each.choices) < 2
    ]
    means, held, widths = {}, {}, {}
    for robust in (False, True):
        posterior = Posterior(Design(SMALL), observations, draws=24, random=np.random.default_rng(0), robust=robust)
        drawn = posterior.sample_at(posterior.levels, 2000)
        plain = next(at for at, each in enumerate(posterior.placements) if each.is_plain)
        gains = np.delete(drawn - drawn[:, [plain]], plain, axis=1)
        means[robust], widths[robust] = gains.mean(), gains.std(axis=0).mean()
        held[robust] = np.mean([2.0 in Interval.of_draws(each) for each in gains.T])
    assert means[True] == pytest.approx(2.0, abs=0.2)
    assert held[True] > 0.9
    assert widths[False] < widths[True]


def test_drawn_effects_are_those_of_drawn_surfaces():
    observations = some_observations()
    one, other = (posterior_of(observations, draws=4) for _ in range(2))
    for _ in range(5):
        surface, effects = one.sample().effects, other.sample_effects()
        assert all(map(np.array_equal, effects.main, surface.main))
        assert all(np.array_equal(effects.pairs[key], table) for key, table in surface.pairs.items())
