import numpy as np
import pytest

from seplace.effects.acquisition import most_improving
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels
from seplace.effects.recommend import trained_front
from seplace.pareto import hypervolume
from tests.effects.toy import SMALL, all_levels, observed, prices_of, region_of

REGION = region_of(SMALL, prices_of(SMALL, seed=3))
LEVELS = all_levels(REGION.shape)
COSTS = REGION.cost.at(LEVELS)


def learned(seed: int, *, count: int = 9) -> tuple[Posterior, Levels]:
    """What random trainings say, and the levels of their front."""
    random = np.random.default_rng(seed)
    chosen = [SMALL.placement_at(int(index)) for index in random.permutation(len(SMALL))[:count]]
    truth = {each: 80 + 0.8 * sum(choice.module == "se" for choice in each.choices) for each in chosen}
    observations = observed(truth, seeds=1, noise=0.4, random=random)
    posterior = Posterior(REGION.design, observations, draws=4, random=random)
    return posterior, trained_front(posterior, REGION, closed=()).levels


def volumes_with_one_more(posterior: Posterior, trained: Levels, worlds: int) -> np.ndarray:
    """The hypervolume of the trained ones and each member (members,), on average over draws of the posterior."""
    held = REGION.indices(trained).tolist()
    total = np.zeros(len(LEVELS))
    for _ in range(worlds):
        world = posterior.sample()
        losses = np.stack([-world.everywhere(), COSTS], axis=1)
        corner = np.array([-world.observed().min(), REGION.highest_cost])
        total += [hypervolume(losses[[*held, at]], corner) for at in range(len(LEVELS))]
    return total / worlds


@pytest.mark.parametrize("seed", range(6))
def test_takes_what_adds_most_on_average_over_plausible_worlds(seed):
    """No member is better than those that are asked, though these are on some front."""
    posterior, trained = learned(seed)
    posterior.random = np.random.default_rng(seed)
    expected = volumes_with_one_more(posterior, trained, worlds=16)
    posterior.random = np.random.default_rng(seed)
    found = most_improving(posterior, REGION, trained=trained, closed=(), worlds=16)
    assert expected[found] == pytest.approx(expected.max(), rel=1e-6)


def test_never_takes_what_is_closed():
    posterior, trained = learned(1)
    taken: set[int] = set()
    for _ in range(len(SMALL)):
        found = most_improving(posterior, REGION, trained=trained, closed=taken, worlds=4)
        if found is None:
            break
        assert found not in taken
        taken.add(found)
    assert len(taken) > 3
    assert most_improving(posterior, REGION, trained=trained, closed=set(range(len(SMALL))), worlds=2) is None


def test_where_all_are_trained_nothing_is_to_be_added():
    posterior, _ = learned(2)
    assert most_improving(posterior, REGION, trained=LEVELS, closed=(), worlds=4) is None
