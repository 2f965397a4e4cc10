"""Cheap scores as covariates: from the scores of some placements to tables over the choices, known of every candidate.

A score is never taken for the truth. It is one more column of the regression, whose weight the trainings decide; a
negative one is as welcome as a positive one. The model learns it from the placements that were scored, as it learns
accuracies, since a space may have millions of candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from seplace.arrays import Floats
from seplace.effects.design import Design, Tables
from seplace.effects.model import Observation, Posterior
from seplace.placement import Placement

LEAST_SCORED = 5
"""With fewer scores there is next to nothing to learn."""

LEAST_FIT = 0.1
"""With less next to nothing was learned. More is not asked for: what is private to each placement averages out."""

_DRAWS = 8


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """What the model has learned of one score."""

    scored: int
    """Placements with a score."""
    fit: float
    """R² of scores that were left out: how much of them the choices explain. NaN where nothing was learned."""
    tables: Tables | None
    """Relative to none, with a standard deviation of 1 over the placements that were scored; None if left out."""
    reason: str
    """Why it is left out; empty where it is not."""


def learn_covariate(design: Design, scores: Mapping[Placement, float]) -> Covariate:
    """Learn a score from finite values of some placements, whatever their order, by a design without covariates."""
    placements = sorted(scores, key=str)
    values = np.array([scores[placement] for placement in placements])
    if len(values) < LEAST_SCORED:
        return left_out(len(values), f"only {len(values)} placements have a score")
    if np.ptp(values) == 0:
        return left_out(len(values), "all scores are equal")
    heights = normal_scores(values)
    observations = [
        Observation(placement=placement, seed=None, accuracy=float(height))
        for placement, height in zip(placements, heights, strict=True)
    ]
    posterior = Posterior(design, observations, draws=_DRAWS, random=np.random.default_rng(0))
    fit = float(1 - np.square(heights - posterior.left_out()).sum() / np.square(heights - heights.mean()).sum())
    tables = posterior.mean().effects
    spread = float(tables.at(posterior.levels).std())
    if fit < LEAST_FIT or spread == 0:
        return left_out(len(values), f"the choices of its stages do not explain it (R² {fit:.2f})", fit=fit)
    return Covariate(scored=len(values), fit=fit, tables=_divided(tables, spread), reason="")


def normal_scores(values: Floats) -> Floats:
    """Return the normal quantiles of the ranks (Blom, 1958), ties sharing their mean rank.

    What grows exponentially (synflow), or drops to a huge negative number where a network is all but dead (NASWOT),
    becomes a quantity without outliers; nothing but the order of scores is claimed to mean anything.
    """
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(ndtri((ranks[position] - 0.375) / (len(values) + 0.25)), dtype=np.float64)


def tables_of(covariates: Mapping[str, Covariate]) -> dict[str, Tables]:
    """Return those that are not left out, as a design takes them."""
    return {name: each.tables for name, each in covariates.items() if each.tables is not None}


def left_out(scored: int, reason: str, *, fit: float = float("nan")) -> Covariate:
    """Return a covariate that the model does without."""
    return Covariate(scored=scored, fit=fit, tables=None, reason=reason)


def _divided(tables: Tables, by: float) -> Tables:
    return replace(
        tables,
        main=tuple(table / by for table in tables.main),
        pairs={key: table / by for key, table in tables.pairs.items()},
    )
