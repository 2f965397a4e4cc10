import numpy as np
import pytest

from seplace.effects import recommend as recommend_module
from seplace.effects.design import Design
from seplace.effects.model import Posterior
from seplace.effects.recommend import expected_regret, leading_members, recommended_front, valued
from seplace.effects.region import Members, Region
from seplace.pareto import hypervolume
from seplace.placement import Placement
from tests.effects.toy import SMALL, observed, prices_of, region_of


def truth() -> dict[Placement, float]:
    """Effects of each stage's choice that add up."""
    random = np.random.default_rng(0)
    gains = [{choice: float(random.normal(scale=0.7)) for choice in listed} for listed in SMALL.choices]
    return {
        placement: 80 + sum(gain[choice] for gain, choice in zip(gains, placement.choices, strict=True))
        for placement in SMALL
    }


def learned(count: int, *, seeds: int, noise: float, seed: int = 0) -> tuple[Posterior, Region]:
    known = truth()
    random = np.random.default_rng(seed)
    chosen = [list(known)[at] for at in random.permutation(len(known))[:count]]
    observations = observed({each: known[each] for each in chosen}, seeds=seeds, noise=noise, random=random)
    region = region_of(SMALL, prices_of(SMALL))
    return Posterior(Design(SMALL), observations, draws=8, random=random), region


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
    best = int(region.indices(recommended_front(posterior, region, closed=()).levels[-1:])[0])
    front = recommended_front(posterior, region, closed={best})
    assert best not in region.indices(front.levels)


@pytest.mark.parametrize("seed", range(4))
def test_the_leaders_add_most_one_after_the_other(seed):
    posterior, region = learned(15, seeds=1, noise=0.3, seed=seed)
    front = recommended_front(posterior, region, closed=())
    lowest = float(front.values.min()) - 0.5
    chosen: list[int] = []
    while len(chosen) < len(front):
        rest = [at for at in range(len(front)) if at not in chosen]
        volumes = [volume(front.where(np.isin(range(len(front)), [*chosen, at])), lowest, region) for at in rest]
        chosen.append(rest[int(np.argmax(volumes))])
    expected = [SMALL.placement_at(int(region.indices(front.levels[[at]])[0])) for at in chosen]
    for most in (1, 2, len(front), len(front) + 5):
        assert leading_members(front, region, most=most, lowest=lowest) == expected[:most]


def test_nobody_leads_an_empty_front():
    posterior, region = learned(5, seeds=1, noise=0.3)
    front = recommended_front(posterior, region, closed=())
    none = front.where(np.zeros(len(front), dtype=bool))
    assert leading_members(none, region, most=3, lowest=0.0) == []


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
    monkeypatch.setattr(recommend_module, "_WORLDS", 300)
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
