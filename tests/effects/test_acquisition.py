import numpy as np
import pytest

from seplace.effects.acquisition import most_improving
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels
from seplace.effects.recommend import trained_front
from seplace.pareto import hypervolume
from tests.effects.toy import SMALL, all_levels, cost_table_of, observed, priced_space_of

PRICED_SPACE = priced_space_of(SMALL, cost_table_of(SMALL, seed=3))
LEVELS = all_levels(PRICED_SPACE.shape)
COSTS = PRICED_SPACE.cost.at(LEVELS)


def learned(seed: int, *, count: int = 9) -> tuple[Posterior, Levels]:
    """What random trainings say, and the levels of their front."""
    random = np.random.default_rng(seed)
    chosen = [SMALL.placement_at(int(index)) for index in random.permutation(len(SMALL))[:count]]
    truth = {each: 80 + 0.8 * sum(choice.module == "se" for choice in each.choices) for each in chosen}
    observations = observed(truth, seeds=1, noise=0.4, random=random)
    posterior = Posterior(PRICED_SPACE.design, observations, draws=4, random=random)
    return posterior, trained_front(posterior, PRICED_SPACE, closed=()).levels


def volumes_with_one_more(posterior: Posterior, trained: Levels, samples: int) -> np.ndarray:
    """The hypervolume of the trained ones and each candidate (candidates,), on average over draws of the posterior."""
    held = PRICED_SPACE.indices(trained).tolist()
    total = np.zeros(len(LEVELS))
    for _ in range(samples):
        sample = posterior.sample()
        losses = np.stack([-sample.everywhere(), COSTS], axis=1)
        corner = np.array([-sample.observed().min(), PRICED_SPACE.highest_cost])
        total += [hypervolume(losses[[*held, at]], corner) for at in range(len(LEVELS))]
    return total / samples


@pytest.mark.parametrize("seed", range(6))
def test_takes_what_adds_most_on_average_over_plausible_samples(seed):
    """No candidate is better than the contenders, though these are on some front."""
    posterior, trained = learned(seed)
    posterior.random = np.random.default_rng(seed)
    expected = volumes_with_one_more(posterior, trained, samples=16)
    posterior.random = np.random.default_rng(seed)
    found = most_improving(posterior, PRICED_SPACE, trained=trained, closed=(), samples=16)
    assert expected[found] == pytest.approx(expected.max(), rel=1e-6)


def test_never_takes_what_is_closed():
    posterior, trained = learned(1)
    taken: set[int] = set()
    for _ in range(len(SMALL)):
        found = most_improving(posterior, PRICED_SPACE, trained=trained, closed=taken, samples=4)
        if found is None:
            break
        assert found not in taken
        taken.add(found)
    assert len(taken) > 3
    assert most_improving(posterior, PRICED_SPACE, trained=trained, closed=set(range(len(SMALL))), samples=2) is None


def test_where_all_are_trained_nothing_is_to_be_added():
    posterior, _ = learned(2)
    assert most_improving(posterior, PRICED_SPACE, trained=LEVELS, closed=(), samples=4) is None
