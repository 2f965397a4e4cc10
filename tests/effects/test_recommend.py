import numpy as np
import pytest

from seplace.effects import recommend as recommend_module
from seplace.effects.design import Design
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Members, Region
from seplace.effects.recommend import expected_regret, recommended_front, valued
from seplace.pareto import hypervolume
from seplace.placement import Placement
from seplace.space import SearchSpace
from tests.effects.toy import SMALL, observed, prices_of, region_of, space_with
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
) -> tuple[Posterior, Region]:
    known = truth(space)
    random = np.random.default_rng(seed)
    chosen = [list(known)[at] for at in random.permutation(len(known))[:count]]
    observations = observed({each: known[each] for each in chosen}, seeds=seeds, noise=noise, random=random)
    region = region_of(space, prices_of(space))
    return Posterior(Design(space), observations, draws=8, random=random), region


def volume(members: Members, lowest: float, region: Region) -> float:
    return hypervolume(np.stack([-members.values, members.costs], axis=1), (-lowest, region.highest_cost))


def test_recommends_the_true_front_when_all_is_known():
    posterior, region = learned(27, seeds=3, noise=0.01)
    front = recommended_front(posterior, region, closed=())
    names = {str(SMALL.placement_at(int(index))) for index in region.indices(front.levels)}
    known = truth()
    costs = {each: prices_of(SMALL).price(each)["flops"] for each in SMALL}
    expected = {
        str(one)
        for one in SMALL
        if not any(known[other] >= known[one] and costs[other] <= costs[one] and other != one for other in SMALL)
    }
    assert names == expected


def test_does_not_recommend_what_failed():
    posterior, region = learned(27, seeds=2, noise=0.01)
    best = int(region.indices(recommended_front(posterior, region, closed=()).levels[:1])[0])
    front = recommended_front(posterior, region, closed={best})
    assert best not in region.indices(front.levels)


@pytest.mark.parametrize("seed", range(4))
def test_each_adds_most_to_those_before_on_average_over_plausible_worlds(monkeypatch, seed):
    """By hand: no member of the space would have added more, beyond what chance leaves open."""
    monkeypatch.setattr(recommend_module, "_WORLDS", 3000)
    monkeypatch.setattr(recommend_module, "_AHEAD", 3)
    posterior, region = learned(15, seeds=1, noise=0.3, seed=seed)
    found = region.indices(recommended_front(posterior, region, closed=()).levels).tolist()
    costs = region.cost.everywhere()
    everything = np.stack(np.unravel_index(np.arange(27), region.shape), axis=1)
    worlds = posterior.sample_at(everything, 3000)
    lowest = worlds[:, region.indices(posterior.levels)].min(axis=1)

    def volumes(members: list[int]) -> np.ndarray:
        """The hypervolume of some members in each world (worlds,): the sum over costs of the best that cost no more."""
        edges = np.sort(np.append(costs[members], region.highest_cost))
        best = [worlds[:, [at for at in members if costs[at] <= edge]].max(axis=1) for edge in edges[:-1]]
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
    posterior, region = learned(count, seeds=1, noise=0.3)
    recommended = recommended_front(posterior, region, closed=())
    sizes = np.array([len(region.front(posterior.sample(), closed=(), random=posterior.random)) for _ in range(400)])
    error = 4 * np.sqrt(0.09 * 2 / 400)
    assert np.mean(sizes <= len(recommended)) > 0.9 - error
    assert np.mean(sizes < len(recommended)) < 0.9 + error
    assert len(recommended) > np.mean(sizes)


def test_recommends_more_than_none_where_nothing_is_known_to_help():
    """The front of the mean is none alone, which is hardly what is believed."""
    known = {each: 80.0 - 0.3 * sum(choice.module != "none" for choice in each.choices) for each in SMALL}
    random = np.random.default_rng(0)
    few = {each: known[each] for each in list(known)[::3]}
    region = region_of(SMALL, prices_of(SMALL))
    observations = observed(few, seeds=1, noise=0.3, random=random)
    posterior = Posterior(Design(SMALL), observations, draws=8, random=random)
    assert len(region.front(posterior.mean(), closed=(), random=random)) == 1
    assert len(recommended_front(posterior, region, closed=())) > 1


def test_promises_more_than_the_front_of_the_mean():
    """In worlds that were not asked, on average over studies that know little."""
    ahead = []
    for seed in range(8):
        posterior, region = learned(10, seeds=1, noise=0.6, seed=seed, space=LARGER)
        recommended = recommended_front(posterior, region, closed=())
        plain = region.front(posterior.mean(), closed=(), random=posterior.random)
        recommended = recommended.where(np.arange(min(len(recommended), len(plain))))  # those that promise most
        worlds = [posterior.sample() for _ in range(100)]
        volumes = [
            [volume(valued(front, world), float(world.observed().min()), region) for world in worlds]
            for front in (recommended, plain)
        ]
        ahead.append(np.mean(volumes[0]) / np.mean(volumes[1]) - 1)
    assert np.mean(ahead) > 0.01


def test_recommends_nothing_where_all_failed():
    posterior, region = learned(5, seeds=1, noise=0.3)
    assert len(recommended_front(posterior, region, closed=range(27))) == 0


def test_a_surface_values_the_same_members():
    posterior, region = learned(12, seeds=1, noise=0.3)
    front = recommended_front(posterior, region, closed=())
    world = posterior.sample()
    same = valued(front, world)
    assert same.levels.tolist() == front.levels.tolist()
    assert same.costs.tolist() == front.costs.tolist()
    assert same.values == pytest.approx(world.everywhere()[region.indices(front.levels)])


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
    """By hand over as many worlds, from another stream: the two agree within their errors."""
    monkeypatch.setattr(recommend_module, "_TESTS", 300)
    posterior, region = learned(8, seeds=1, noise=0.4)
    told = expected_regret(posterior, region, closed=())
    recommended = recommended_front(posterior, region, closed=())
    shares = []
    for _ in range(300):
        world = posterior.sample()
        values, costs = world.everywhere(), region.cost.everywhere()
        corner = (-float(world.observed().min()), region.highest_cost)
        at = region.indices(recommended.levels)
        best = hypervolume(np.stack([-values, costs], axis=1), corner)
        shares.append(1 - hypervolume(np.stack([-values[at], costs[at]], axis=1), corner) / best)
    assert told.mean == pytest.approx(np.mean(shares), abs=4 * np.std(shares) * np.sqrt(2 / 300))
    assert np.mean(np.array(shares) <= told.upper) == pytest.approx(0.9, abs=4 * np.sqrt(0.09 * 2 / 300))


def test_no_regret_where_nothing_is_open():
    posterior, region = learned(27, seeds=1, noise=0.2)
    assert expected_regret(posterior, region, closed=range(27)).mean == 0
