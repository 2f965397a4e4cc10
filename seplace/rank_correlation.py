"""Rank correlation: Kendall's tau-b, partial tau given a third quantity, and the ceiling that noise sets.

Everything is a function of weights of the placements: ones for the statistic itself, and the counts of each resample
for a bootstrap over placements. Pairs of one placement with itself never count.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from seplace.arrays import Floats


def bootstrap_weights(count: int, *, resamples: int, seed: int) -> Floats:
    """Return weights (1 + resamples, count): ones, and how often each of `count` items is drawn in each resample."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.concatenate([np.ones((1, count)), drawn.astype(float)])


def signs(values: Sequence[float] | Floats) -> Floats:
    """Return (n, n): 1 where the row's value is greater than the column's, -1 where it is less, 0 where equal."""
    ranks = np.unique(np.asarray(values, dtype=float), return_inverse=True)[1]  # infinities have no difference
    return np.asarray(np.sign(ranks[:, None] - ranks[None, :]), dtype=float)


def pair_sums(weights: Floats, matrix: Floats) -> Floats:
    """Return the sum over pairs of items of a matrix (n, n) times both weights: (m,) for weights (m, n)."""
    return np.asarray(((weights @ matrix) * weights).sum(axis=1))


def kendall(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Return tau-b (m,) of two matrices of signs (n, n) under weights (m, n); NaN if one of them is all ties."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            pair_sums(weights, one * other)
            / np.sqrt(pair_sums(weights, np.square(one)) * pair_sums(weights, np.square(other)))
        )


def correlation_of(tau: Floats) -> Floats:
    """Return the correlation of normal values with a tau: r = sin(π tau / 2)."""
    return np.asarray(np.sin(np.pi / 2 * tau))


def tau_of(correlation: Floats) -> Floats:
    """Return the tau of normal values with a correlation: 2/π arcsin r."""
    return np.asarray(2 / np.pi * np.arcsin(correlation))


def partial_kendall(one: Floats, other: Floats, given: Floats, weights: Floats) -> Floats:
    """Return the partial tau (m,) of two matrices of signs, given a third.

    The partial correlation (r12 - r13 r23) / √((1 - r13²)(1 - r23²)) of normal values with these taus, as a tau.
    (Kendall's own partial tau, the same formula of the taus themselves, is not 0 where the third explains all that two
    have in common.) It is their plain tau if the third is all ties, and NaN if the third ranks as one of them.
    """
    both = correlation_of(kendall(one, other, weights))
    first, second = (np.nan_to_num(correlation_of(kendall(each, given, weights))) for each in (one, other))
    rest = (1 - first**2) * (1 - second**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        partial = np.where(rest > 1e-12, (both - first * second) / np.sqrt(rest), np.nan)
    return tau_of(np.clip(partial, -1.0, 1.0))


def reliability(values: Sequence[Mapping[int, float]], weights: Floats) -> Floats:
    """Return the reliability (m,): the share of the variance of one training that its placement explains.

    For normal values two trainings of each placement, on two seeds, correlate by this share r, and their ranks by
    tau = 2/π arcsin r. So tau is measured between every two seeds, over the placements that have both, pooled over all
    of these pairs, and turned back: r = sin(π tau / 2), or 0 where tau is negative. NaN where no two placements have
    two seeds in common. The values must be free of seed effects.
    """
    agreement, ties, others = np.zeros(len(weights)), np.zeros(len(weights)), np.zeros(len(weights))
    for seed, other in itertools.combinations(sorted({seed for by_seed in values for seed in by_seed}), 2):
        both = [at for at, by_seed in enumerate(values) if seed in by_seed and other in by_seed]
        first, second = (signs([values[at][each] for at in both]) for each in (seed, other))
        agreement += pair_sums(weights[:, both], first * second)
        ties += pair_sums(weights[:, both], np.square(first))
        others += pair_sums(weights[:, both], np.square(second))
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = agreement / np.sqrt(ties * others)
    return correlation_of(np.maximum(tau, 0.0))


def ceiling(reliability: Floats, trainings: Sequence[int]) -> Floats:
    """Return the ceiling (m,): the tau of the true values with means over a number of trainings of each placement.

    With truths of variance r and trainings that add noise of variance 1 - r, the difference of two placements with n
    and k trainings has the true part 2r and the noise (1 - r)(1/n + 1/k); it correlates with the true difference by the
    root of ρ = 2r / (2r + (1 - r)(1/n + 1/k)), and both have the same sign so often that tau = 2/π arcsin √ρ for this
    pair. The ceiling is the mean over all pairs. Where all have n trainings, ρ = nr / (1 + (n - 1)r): the formula of
    Spearman and Brown.
    """
    inverse = 1 / np.asarray(trainings, dtype=float)
    upper = np.triu_indices(len(inverse), k=1)
    shares, counts = np.unique((inverse[:, None] + inverse[None, :])[upper], return_counts=True)
    known = reliability[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(known == 0, 0.0, 2 * known / (2 * known + (1 - known) * shares))
    return np.asarray(tau_of(np.sqrt(squared)) @ counts / counts.sum())
