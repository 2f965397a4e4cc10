import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from seplace.placement import Placement
from seplace.simulation.landscapes import LANDSCAPES, landscape

each_kind = pytest.mark.parametrize("name", LANDSCAPES)


@each_kind
def test_a_landscape_is_that_of_its_seed(name):
    one, same, other = (landscape(name, seed=seed) for seed in (3, 3, 4))
    assert len(one.truth) == len(one.space) == 23**4
    assert np.array_equal(one.truth, same.truth)
    assert name == "nothing-helps" or not np.array_equal(one.truth, other.truth)
    placement = Placement.parse("se16-none-eca.parallel-cbam4")
    assert one.observe(placement, 1) == same.observe(placement, 1)
    assert one.observe(placement, 1) != one.observe(placement, 2)


@each_kind
def test_the_plain_backbone_has_90_percent_and_all_baselines_are_candidates(name):
    problem = landscape(name, seed=0)
    assert problem.truth[0] == 90.0
    assert all(placement in problem.space for placement in problem.space.baselines.values())


@each_kind
def test_trainings_scatter_around_the_truth(name):
    problem = landscape(name, seed=1)
    placement = problem.space.placement_at(12345)
    seen = np.array([problem.observe(placement, seed) for seed in range(400)]) - problem.truth[12345]
    assert abs(np.median(seen)) < 0.08
    spread = np.subtract(*np.quantile(seen, [0.75, 0.25])) / 1.349
    assert 0.2 < spread < 0.55


def test_a_seed_effect_is_shared():
    problem = landscape("usual", seed=0)
    one, other = problem.space.placement_at(0), problem.space.placement_at(1000)
    pairs = np.array([[problem.observe(one, seed), problem.observe(other, seed)] for seed in range(300)])
    # Noise of 0.25 each, and 0.2 that both share.
    assert np.std(pairs[:, 0]) == pytest.approx(np.hypot(0.25, 0.2), rel=0.15)
    assert np.std(pairs[:, 0] - pairs[:, 1]) == pytest.approx(0.25 * np.sqrt(2), rel=0.15)


def test_costs_are_those_of_the_formula():
    problem = landscape("usual", seed=0)
    cost_table = problem.cost_table
    text = "se4-none-none-eca.parallel"
    # SE on 64 channels and 32 x 32 pixels, ECA in parallel on 512 and 4 x 4, two blocks each.
    expected = 2 * (64 * 1024 + 2 * 64**2 // 4 + 64 + 64 * 1024) + 2 * (512 * 16 + 6 * 512 + 2 * 512 * 16)
    assert cost_table.costs_of(Placement.parse(text))["flops"] - cost_table.plain[0] == expected


def additive_share(gains: np.ndarray) -> float:
    """The share of the variance that main effects explain."""
    mean = gains.mean()
    mains = [gains.mean(axis=tuple(at for at in range(4) if at != axis)) - mean for axis in range(4)]
    fitted = mean + sum(main.reshape([-1 if at == axis else 1 for at in range(4)]) for axis, main in enumerate(mains))
    return float(1 - np.var(gains - fitted) / np.var(gains))


def test_kinds_break_the_model_as_they_say():
    gains = {name: landscape(name, seed=2).truth.reshape((23,) * 4) - 90 for name in LANDSCAPES}
    assert additive_share(gains["usual"]) > 0.5
    assert additive_share(gains["not-additive"]) < 0.35
    own = gains["private"] - landscape("usual", seed=2).truth.reshape((23,) * 4) + 90
    assert not gains["nothing-helps"].any()
    # One pair of modules in two stages is worth far more than all else.
    dominant = gains["one-interaction"]
    assert dominant.max() > 1.3
    assert own.shape == dominant.shape
    sums = [np.sort(np.unique(dominant.mean(axis=pair).round(3)))[-1] for pair in itertools.combinations(range(4), 2)]
    assert max(sums) > 1.4


def test_heavy_tails_are_heavy():
    problem = landscape("heavy-tails", seed=0)
    seen = np.array([problem.observe(problem.space.placement_at(7), seed) for seed in range(500)]) - problem.truth[7]
    assert np.abs(seen).max() > 1.5


def early_taus(name: str, epochs: int) -> list[float]:
    """Kendall's tau between early accuracies and those at the end, of random placements of some landscapes."""
    taus = []
    for seed in range(3):
        problem = landscape(name, seed=seed)
        placements = [
            problem.space.placement_at(int(at)) for at in np.random.default_rng(seed).integers(23**4, size=100)
        ]
        early = [problem.early(each, 0, epochs) for each in placements]
        taus.append(kendalltau(early, [problem.observe(each, 0) for each in placements]).statistic)
    return taus


@pytest.mark.parametrize(("epochs", "low", "high"), [(11, 0.45, 0.65), (33, 0.55, 0.75), (100, 1.0, 1.0)])
def test_early_ranks_hold(epochs, low, high):
    assert low <= np.mean(early_taus("usual", epochs)) <= high


@pytest.mark.parametrize("epochs", [11, 33])
def test_early_ranks_of_slow_starters_say_almost_nothing(epochs):
    assert -0.1 < np.mean(early_taus("slow-starters", epochs)) < 0.25


def test_slow_starters_end_as_usual():
    problem = landscape("slow-starters", seed=1)
    none, other = problem.space.placement_at(0), problem.space.placement_at(54321)
    assert problem.early(none, 0, 100) == problem.observe(none, 0)
    assert problem.early(other, 0, 1) < problem.early(other, 0, 50) < problem.early(other, 0, 100) + 1


@pytest.mark.parametrize("correlation", [0.6, 0.0, -0.6])
@pytest.mark.parametrize("name", ["usual", "one-interaction"])
def test_a_proxy_has_the_given_correlation(name, correlation):
    problem, plain = landscape(name, seed=5, correlation=correlation), landscape(name, seed=5)
    assert np.array_equal(problem.truth, plain.truth)
    assert plain.proxy is None
    assert np.corrcoef(problem.proxy, problem.truth)[0, 1] == pytest.approx(correlation, abs=1e-9)
    placement = problem.space.placement_at(777)
    assert problem.score(placement) == problem.proxy[777]
    assert problem.observe(placement, 1) == plain.observe(placement, 1)


def test_a_proxy_does_not_see_the_private_part():
    problem = landscape("private", seed=5, correlation=1.0)
    slope, offset = np.polyfit(problem.proxy, problem.truth, 1)
    rest = problem.truth - slope * problem.proxy - offset
    assert rest.std() == pytest.approx(0.15, rel=0.02)
    # A sum over stages and pairs of modules: nothing is left in the means over three stages together.
    assert np.abs(rest.reshape((23,) * 4).mean(axis=(1, 2, 3))).max() < 0.01


def test_a_proxy_of_a_flat_truth_is_an_error():
    problem = landscape("nothing-helps", seed=5, correlation=0.6)
    assert problem.proxy.std() > 0.5
