"""Denoised scores: scores regressed on cross-entropy, where both rank placements alike.

Accuracy counts an image near the decision boundary or not by chance; cross-entropy weighs all images. Where accuracy is
linear in cross-entropy, with residuals that are noise, the fitted accuracy is the less noisy measure of a placement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.model import Observation

_FEWEST = 5
"""The fewest trainings for a line."""

_AGREE = 0.5
"""The share of the variance of scores that the line must explain."""

_CHANCE = 0.01
"""Residuals are noise unless their differences between choices, or placements, have a smaller p value."""

_FAR = 6.0
_BESIDE = 4.0
"""Robust standard deviations from the other trainings, or from the line, beyond which a training keeps its score."""


def denoised(design: Design, observations: Sequence[Observation]) -> list[Observation]:
    """Return the same trainings with scores fitted to their cross-entropies; unchanged where no line fits.

    For choosing the next trainings. Estimates are learned from scores, which are what a user will get.
    """
    losses = np.array([np.nan if each.cross_entropy is None else each.cross_entropy for each in observations])
    scores = np.array([each.score for each in observations])
    taken = np.isfinite(losses)
    for values in (losses, scores):
        taken &= _is_near(values, center=values[taken], by=_FAR) if taken.any() else False
    for _ in range(2):  # the second line is fitted without the outliers of the first
        if taken.sum() < _FEWEST or np.ptp(losses[taken]) == 0:
            return list(observations)
        slope, height = np.polyfit(losses[taken], scores[taken], 1)
        line = height + slope * losses
        rest = scores - line
        taken = taken & _is_near(rest, center=rest[taken], by=_BESIDE)
    kept = [each for each, is_taken in zip(observations, taken, strict=True) if is_taken]
    if slope > 0 or rest[taken].var() > (1 - _AGREE) * scores[taken].var() or _differs(design, kept, rest[taken]):
        return list(observations)
    return [
        replace(each, score=float(value)) if is_taken else each
        for each, value, is_taken in zip(observations, line, taken, strict=True)
    ]


def _is_near(values: Floats, *, center: Floats, by: float) -> NDArray[np.bool_]:
    """Return which values lie within `by` robust standard deviations of the median of `center`; NaN does not."""
    median = np.median(center)
    spread = 1.4826 * np.median(np.abs(center - median))  # of normal values, their standard deviation
    return np.asarray(np.abs(values - median) <= by * spread)


def _differs(design: Design, observations: Sequence[Observation], rest: Floats) -> bool:
    """Return whether residuals differ between modules, choices, or placements with several trainings."""
    placements = [each.placement for each in observations]
    levels = design.levels(placements)
    by_seed = _indicators(np.array([str(each.seed) for each in observations]))
    modules = np.array([[choice.module for choice in each.choices] for each in placements])
    by_module = _indicators(modules).sum(axis=1)
    by_choice = np.hstack([_indicators(column) for column in levels.T])
    left, seeds = _left(rest, by_seed)
    chances = []
    for columns in (by_module, by_choice):
        unexplained, rank = _left(rest, np.hstack([by_seed, columns]))
        chances.append(_chance(left, unexplained, gained=rank - seeds, freedom=len(rest) - rank))
    placement = np.unique(levels, axis=0, return_inverse=True)[1].ravel()
    counts = np.bincount(placement)
    within = left - (np.bincount(placement, weights=left) / counts)[placement]
    chances.append(_chance(left, within, gained=len(counts) - 1, freedom=len(rest) - len(counts) - seeds + 1))
    return min(chances) < _CHANCE


def _indicators(values: NDArray[Any]) -> Floats:
    return np.asarray(values[..., None] == np.unique(values), dtype=float)


def _left(values: Floats, columns: Floats) -> tuple[Floats, int]:
    """Return the residuals of least squares on columns of counts, and the rank of the columns."""
    # By the normal equations: exact for counts, and columns are far fewer than rows.
    found, _, rank, _ = np.linalg.lstsq(columns.T @ columns, columns.T @ values, rcond=1e-9)
    return values - columns @ found, int(rank)


def _chance(before: Floats, after: Floats, *, gained: int, freedom: int) -> float:
    """Return the p value (F test) of `gained` parameters that lower the residuals from `before` to `after`."""
    if gained < 1 or freedom < 1:
        return 1.0
    unexplained = float(after @ after)
    ratio = (float(before @ before) - unexplained) / gained / max(unexplained / freedom, np.finfo(float).tiny)
    return float(fdtrc(gained, freedom, max(ratio, 0.0)))
