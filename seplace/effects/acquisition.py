"""Acquisition functions: which candidate to train next, in expectation over posterior samples.

`most_improving` is the expected hypervolume improvement where observations are noisy: the front that is to be improved
is not what was observed, but what each posterior sample says of the trained placements (Daulton et al., 2021,
arXiv:2105.08195). One of the two objectives, the cost, is known.

`most_informative` is the information gain about the front. The hypervolume is the sum over costs of the score of the
best placement that costs no more. Posterior samples disagree on which placement that is, and its score differs
between them. A training lowers this variance also for other placements that share choices with the one trained. Designs
of experiments for such a purpose are called transductive: Yu, Bi and Tresp, 2006; Fiez et al., 2019 (arXiv:1906.08399).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy.linalg import solve_triangular

from seplace.arrays import Floats
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Candidates, Levels, PricedSpace, added_volume
from seplace.placement import Placement

_MANY = 16
"""Running trainings that are taken as known one by one; of more, all are taken at once."""


def most_improving(
    posterior: Posterior, priced_space: PricedSpace, *, trained: Levels, closed: Collection[int], samples: int
) -> int | None:
    """Return the index of the open candidate with the largest expected hypervolume improvement; None where all are 0.

    Candidates are taken from the fronts of posterior samples and of the posterior mean.
    """
    plausible = [posterior.sample() for _ in range(samples)]
    contenders = priced_space.contenders([*plausible, posterior.mean()], closed=closed, random=posterior.random)
    offered, there = (
        Candidates(
            levels=each, values=np.stack([sample.at(each) for sample in plausible]), costs=priced_space.cost.at(each)
        )
        for each in (contenders, trained)
    )
    lowest = [sample.observed().min() for sample in plausible]
    gains = added_volume(offered, there, reference=(lowest, priced_space.highest_cost)).mean(axis=0)
    return int(priced_space.indices(contenders[[gains.argmax()]])[0]) if gains.any() else None


def most_informative(
    posterior: Posterior,
    priced_space: PricedSpace,
    *,
    running: Sequence[Placement],
    failed: Collection[int],
    closed: Collection[int],
    samples: int,
) -> int | None:
    """Return the index of the candidate whose training would lower the variance between front points most.

    Candidates are taken from the fronts of posterior samples. Each front point is weighted by the range of costs over
    which it is the best. The running trainings count as known. Failed candidates are on no front; closed ones cannot be
    trained. Return None where all candidates are closed.
    """
    fronts = [priced_space.front(posterior.sample(), closed=failed, random=posterior.random) for _ in range(samples)]
    levels = np.concatenate([front.levels for front in fronts])
    ranges = np.concatenate([np.diff(np.append(front.costs, priced_space.highest_cost)) for front in fronts])
    if not len(levels):
        return None
    weights = ranges / ranges.sum()
    draw = posterior.draws[0]
    noise = draw.noise_sd**2 + draw.unit_sd**2
    spread = posterior.spread(draw, levels)
    waiting = posterior.spread(draw, priced_space.design.levels(running))
    if len(waiting) > _MANY:
        spread = _once_all_known(spread, waiting, noise)
    else:
        for at in range(len(waiting)):
            spread, waiting = _once_known(spread, waiting[at], noise), _once_known(waiting, waiting[at], noise)
    between = (spread - weights @ spread) * np.sqrt(weights)[:, None]  # what all points share decides nothing
    indices, first = np.unique(priced_space.indices(levels), return_index=True)
    is_open = ~np.isin(indices, list(closed))
    if not is_open.any():
        return None
    offered = spread[first[is_open]]
    explained = ((offered @ between.T) ** 2).sum(axis=1) / ((offered**2).sum(axis=1) + noise)
    return int(indices[is_open][explained.argmax()])


def _once_known(spread: Floats, seen: Floats, noise: float) -> Floats:
    """Return the spread (n, columns) of placements after a training of one with spread `seen` (columns,).

    Its products are the covariances less what the training explains: S S' - (S s) (S s)' / (s's + noise).
    """
    own = float(seen @ seen)
    left: Floats = spread - np.outer(spread @ seen, seen) * (1 - np.sqrt(noise / (own + noise))) / own
    return left


def _once_all_known(spread: Floats, seen: Floats, noise: float) -> Floats:
    """Return the spread (n, columns) of placements after trainings of all with spreads `seen` (m, columns).

    Its products are those of `_once_known` for each in turn: S (I + s's / noise)^-1 S'.
    """
    lower = np.linalg.cholesky(np.eye(seen.shape[1]) + seen.T @ seen / noise)
    left: Floats = solve_triangular(lower, spread.T, lower=True, check_finite=False).T
    return left
