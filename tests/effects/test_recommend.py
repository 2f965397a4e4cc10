import numpy as np
import pytest

from seplace.effects import recommend as recommend_module
from seplace.effects.design import Design
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Candidates, PricedSpace
from seplace.effects.recommend import expected_regret, recommended_front, valued
from seplace.pareto import hypervolume
from seplace.placement import Placement
from seplace.space import SearchSpace
from tests.effects.toy import SMALL, cost_table_of, observed, priced_space_of, space_with
from tests.spaces import parse

LARGER = space_with(*[parse("none", "se2", "se4", "se8", "eca", "cbam2", "cbam4", "cbam8")] * 3)


def truth(space: SearchSpace = SMALL) -> dict[Placement, float]:
    """Effects of each stage's choice that add up."""
    random = np.random.default_rng(0)
    gains = [{choice: float(random.normal(scale=0.7)) for choice in listed} for listed in space.choices]
    return {
        placement: 80 + sum(gain[choice] for gain, choice in zip(gains, placement.choices, strict=True))
        for placement in space
    }


def learned(
    count: int, *, seeds: int, noise: float, seed: int = 0, space: SearchSpace = SMALL
) -> tuple[Posterior, PricedSpace]:
    known = truth(space)
    random = np.random.default_rng(seed)
    chosen = [list(known)[at] for at in random.permutation(len(known))[:count]]
    observations = observed({each: known[each] for each in chosen}, seeds=seeds, noise=noise, random=random)
    priced_space = priced_space_of(space, cost_table_of(space))
    return Posterior(Design(space), observations, draws=8, random=random), priced_space


def volume(candidates: Candidates, lowest: float, priced_space: PricedSpace) -> float:
    return hypervolume(np.stack([-candidates.values, candidates.costs], axis=1), (-lowest, priced_space.highest_cost))


def test_recommends_the_true_front_when_all_is_known():
    posterior, priced_space = learned(27, seeds=3, noise=0.01)
    front = recommended_front(posterior, priced_space, closed=())
    names = {str(SMALL.placement_at(int(index))) for index in priced_space.indices(front.levels)}
    known = truth()
    costs = {each: cost_table_of(SMALL).costs_of(each)["flops"] for each in SMALL}
    expected = {
        str(one)
        for one in SMALL
        if not any(known[other] >= known[one] and costs[other] <= costs[one] and other != one for other in SMALL)
    }
    assert names == expected


def test_does_not_recommend_what_failed():
    posterior, priced_space = learned(27, seeds=2, noise=0.01)
    best = int(priced_space.indices(recommended_front(posterior, priced_space, closed=()).levels[:1])[0])
    front = recommended_front(posterior, priced_space, closed={best})
    assert best not in priced_space.indices(front.levels)


@pytest.mark.parametrize("seed", range(4))
def test_each_adds_most_to_those_before_on_average_over_plausible_samples(monkeypatch, seed):
    """By hand: no candidate of the space would have added more, beyond what chance leaves open."""
    monkeypatch.setattr(recommend_module, "_SAMPLES", 3000)
    monkeypatch.setattr(recommend_module, "_AHEAD", 3)
    posterior, priced_space = learned(15, seeds=1, noise=0.3, seed=seed)
    found = priced_space.indices(recommended_front(posterior, priced_space, closed=()).levels).tolist()
    costs = priced_space.cost.everywhere()
    everything = np.stack(np.unravel_index(np.arange(27), priced_space.shape), axis=1)
    samples = posterior.sample_at(everything, 3000)
    lowest = samples[:, priced_space.indices(posterior.levels)].min(axis=1)

    def volumes(candidates: list[int]) -> np.ndarray:
        """The hypervolume of candidates in each posterior sample: the sum over costs of the best that cost no more."""
        edges = np.sort(np.append(costs[candidates], priced_space.highest_cost))
        best = [samples[:, [at for at in candidates if costs[at] <= edge]].max(axis=1) for edge in edges[:-1]]
        return np.sum(np.diff(edges)[:, None] * np.maximum(best - lowest, 0), axis=0)

    for count, index in enumerate(found):
        others = [at for at in range(27) if at not in found[:count]]
        reached = {at: volumes([*found[:count], at]) for at in others}
        best = max(others, key=lambda at: reached[at].mean())
        behind = reached[best] - reached[index]
        assert behind.mean() <= 4 * behind.std() / np.sqrt(3000 / 2)


@pytest.mark.parametrize("count", [6, 15])
def test_recommends_as_many_as_all_but_a_tenth_of_plausible_fronts_have_at_most(monkeypatch, count):
    monkeypatch.setattr(recommend_module, "_FRONTS", 400)
    posterior, priced_space = learned(count, seeds=1, noise=0.3)
    recommended = recommended_front(posterior, priced_space, closed=())
    sizes = np.array(
        [len(priced_space.front(posterior.sample(), closed=(), random=posterior.random)) for _ in range(400)]
    )
    error = 4 * np.sqrt(0.09 * 2 / 400)
    assert np.mean(sizes <= len(recommended)) > 0.9 - error
    assert np.mean(sizes < len(recommended)) < 0.9 + error
    assert len(recommended) > np.mean(sizes)


def test_recommends_more_than_none_where_nothing_is_known_to_help():
    """The front of the mean is the plain backbone alone, which is hardly probable."""
    known = {each: 80.0 - 0.3 * sum(choice.module != "none" for choice in each.choices) for each in SMALL}
    random = np.random.default_rng(0)
    few = {each: known[each] for each in list(known)[::3]}
    priced_space = priced_space_of(SMALL, cost_table_of(SMALL))
    observations = observed(few, seeds=1, noise=0.3, random=random)
    posterior = Posterior(Design(SMALL), observations, draws=8, random=random)
    assert len(priced_space.front(posterior.mean(), closed=(), random=random)) == 1
    assert len(recommended_front(posterior, priced_space, closed=())) > 1


def test_promises_more_than_the_front_of_the_mean():
    """In other posterior samples, on average over studies that know little."""
    ahead = []
    for seed in range(8):
        posterior, priced_space = learned(10, seeds=1, noise=0.6, seed=seed, space=LARGER)
        recommended = recommended_front(posterior, priced_space, closed=())
        plain = priced_space.front(posterior.mean(), closed=(), random=posterior.random)
        recommended = recommended.where(np.arange(min(len(recommended), len(plain))))  # those that promise most
        samples = [posterior.sample() for _ in range(100)]
        volumes = [
            [volume(valued(front, sample), float(sample.observed().min()), priced_space) for sample in samples]
            for front in (recommended, plain)
        ]
        ahead.append(np.mean(volumes[0]) / np.mean(volumes[1]) - 1)
    assert np.mean(ahead) > 0.01


def test_recommends_nothing_where_all_failed():
    posterior, priced_space = learned(5, seeds=1, noise=0.3)
    assert len(recommended_front(posterior, priced_space, closed=range(27))) == 0


def test_a_surface_values_the_same_members():
    posterior, priced_space = learned(12, seeds=1, noise=0.3)
    front = recommended_front(posterior, priced_space, closed=())
    sample = posterior.sample()
    same = valued(front, sample)
    assert same.levels.tolist() == front.levels.tolist()
    assert same.costs.tolist() == front.costs.tolist()
    assert same.values == pytest.approx(sample.everywhere()[priced_space.indices(front.levels)])


def test_regret_shrinks_with_what_is_known():
    little, much, all_of_it = (
        expected_regret(*learned(count, seeds=seeds, noise=noise), closed=())
        for count, seeds, noise in ((5, 1, 0.6), (20, 2, 0.3), (27, 4, 0.005))
    )
    assert 0 <= all_of_it.mean <= all_of_it.upper < 0.005
    assert all_of_it.mean < much.mean < little.mean < 1
    assert little.mean > 0.05
    assert little.upper > little.mean


def test_regret_is_the_share_that_is_missed(monkeypatch):
    """By hand over as many posterior samples, from another stream: the two agree within their errors."""
    monkeypatch.setattr(recommend_module, "_TESTS", 300)
    posterior, priced_space = learned(8, seeds=1, noise=0.4)
    regret = expected_regret(posterior, priced_space, closed=())
    recommended = recommended_front(posterior, priced_space, closed=())
    shares = []
    for _ in range(300):
        sample = posterior.sample()
        values, costs = sample.everywhere(), priced_space.cost.everywhere()
        corner = (-float(sample.observed().min()), priced_space.highest_cost)
        at = priced_space.indices(recommended.levels)
        best = hypervolume(np.stack([-values, costs], axis=1), corner)
        shares.append(1 - hypervolume(np.stack([-values[at], costs[at]], axis=1), corner) / best)
    assert regret.mean == pytest.approx(np.mean(shares), abs=4 * np.std(shares) * np.sqrt(2 / 300))
    assert np.mean(np.array(shares) <= regret.upper) == pytest.approx(0.9, abs=4 * np.sqrt(0.09 * 2 / 300))


def test_no_regret_where_nothing_is_open():
    posterior, priced_space = learned(27, seeds=1, noise=0.2)
    assert expected_regret(posterior, priced_space, closed=range(27)).mean == 0
