from collections.abc import Sequence

import numpy as np
import pytest

from seplace.effects.acquisition import most_informative
from seplace.effects.model import Posterior
from seplace.effects.priced_space import PricedSpace
from seplace.placement import Placement
from tests.effects.toy import SMALL, all_levels, cost_table_of, observed, priced_space_of

PRICED_SPACE = priced_space_of(SMALL, cost_table_of(SMALL, seed=3))


def learned(seed: int, *, count: int = 9, draws: int = 1) -> Posterior:
    random = np.random.default_rng(seed)
    chosen = [SMALL.placement_at(int(index)) for index in random.permutation(len(SMALL))[:count]]
    truth = {each: 80 + 0.8 * sum(choice.module == "se" for choice in each.choices) for each in chosen}
    return Posterior(
        PRICED_SPACE.design, observed(truth, seeds=1, noise=0.4, random=random), draws=draws, random=random
    )


def gain_by_conditioning(
    posterior: Posterior, priced_space: PricedSpace, seed: int, samples: int, *, running: Sequence[Placement] = ()
) -> dict[int, float]:
    """By index of a front's candidate: how much a training of it lowers the variance, from the joint covariance."""
    draw = posterior.draws[0]
    levels = all_levels(priced_space.shape)
    rows = np.hstack([np.ones((len(levels), 1)), priced_space.design.rows(levels)])
    root = draw.root[: rows.shape[1]]
    covariance = rows @ root @ root.T @ rows.T
    costs = np.array([cost_table_of(SMALL, seed=3).costs_of(each)["flops"] for each in SMALL], dtype=float)
    posterior.random = np.random.default_rng(seed)
    candidates, weights = [], []
    for _ in range(samples):
        values = posterior.sample().everywhere()
        best = [at for at in range(len(values)) if not any((costs <= costs[at]) & (values > values[at]))]
        best.sort(key=lambda at: costs[at])
        candidates += best
        weights += np.diff([*costs[best], priced_space.highest_cost]).tolist()
    share = np.array(weights) / sum(weights)

    def unknown(matrix: np.ndarray) -> float:
        """The weighted variance between the candidates."""
        own = matrix[np.ix_(candidates, candidates)]
        return float(share @ np.diag(own) - share @ own @ share)

    def given(matrix: np.ndarray, at: int) -> np.ndarray:
        """The covariance once a candidate was trained."""
        noise = draw.noise_sd**2 + draw.unit_sd**2
        return matrix - np.outer(matrix[:, at], matrix[:, at]) / (matrix[at, at] + noise)

    for placement in running:
        covariance = given(covariance, SMALL.index(placement))
    return {at: unknown(covariance) - unknown(given(covariance, at)) for at in set(candidates)}


@pytest.mark.parametrize("running", [0, 1, 4])
@pytest.mark.parametrize("seed", range(6))
def test_takes_what_lowers_the_variance_between_plausible_fronts_most(seed, running):
    posterior = learned(seed)
    others = [SMALL.placement_at(5 * at + seed) for at in range(running)]
    gains = gain_by_conditioning(posterior, PRICED_SPACE, seed, samples=3, running=others)
    posterior.random = np.random.default_rng(seed)
    found = most_informative(posterior, PRICED_SPACE, running=others, failed=(), closed=(), samples=3)
    assert gains[found] == pytest.approx(max(gains.values()), rel=1e-9)


def test_what_is_being_trained_tells_less_a_second_time():
    """Asked four times in one moment, in the same samples, it does not tell to train one placement four times."""
    posterior = learned(3)
    running: list[Placement] = []
    for _ in range(4):
        posterior.random = np.random.default_rng(0)
        found = most_informative(posterior, PRICED_SPACE, running=running, failed=(), closed=(), samples=8)
        assert found is not None
        running.append(SMALL.placement_at(found))
    assert len(set(running)) > 1


def test_never_takes_what_is_closed_or_failed():
    posterior = learned(1)
    taken: set[int] = set()
    for _ in range(len(SMALL)):
        found = most_informative(posterior, PRICED_SPACE, running=(), failed=set(), closed=taken, samples=4)
        if found is None:
            break
        assert found not in taken
        taken.add(found)
    assert taken
    failed = set(list(taken)[:2])
    assert most_informative(posterior, PRICED_SPACE, running=(), failed=failed, closed=failed, samples=4) not in failed
    everything = set(range(len(SMALL)))
    assert most_informative(posterior, PRICED_SPACE, running=(), failed=(), closed=everything, samples=2) is None
    assert (
        most_informative(posterior, PRICED_SPACE, running=(), failed=everything, closed=everything, samples=2) is None
    )


def test_what_was_seen_often_is_known():
    none, gate = Placement.parse("none-none-none"), Placement.parse("se4-none-none")
    random = np.random.default_rng(0)
    often = observed({none: 80.0}, seeds=12, noise=0.3, random=random) + observed(
        {gate: 80.2}, seeds=1, noise=0.3, random=random
    )
    posterior = Posterior(PRICED_SPACE.design, often, draws=1, random=random)
    spread = posterior.spread(posterior.draws[0], PRICED_SPACE.design.levels([none, gate]))
    assert (spread[0] ** 2).sum() < (spread[1] ** 2).sum()


def test_the_spread_is_the_covariance_of_draws():
    posterior = learned(2)
    levels = all_levels(PRICED_SPACE.shape)[:6]
    spread = posterior.spread(posterior.draws[0], levels)
    drawn = np.array([posterior.sample().effects.at(levels) for _ in range(4000)])
    unit = posterior._unit_of_scale
    expected = np.diff(spread, axis=0)
    assert np.cov(np.diff(drawn, axis=1).T) / unit**2 == pytest.approx(expected @ expected.T, abs=0.05, rel=0.15)
