"""Proxy scores as covariates: from the scores of some placements to tables over choices, for every candidate.

A score is one more column of the regression, whose weight is learned from the trainings and may be negative. The score
itself is modeled over the space, as scores are, since a space may have millions of candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.effects.model import Observation, Posterior
from seplace.placement import Placement

LEAST_SCORED = 5
"""The fewest scores to learn from."""

LEAST_FIT = 0.1
"""The least R² of scores that were left out; more is not needed, since private effects average out."""

_DRAWS = 8


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """The score of one proxy, as learned over a space."""

    scored: int
    """The number of placements with a score."""
    fit: float
    """R² of scores that were left out: how much of them the choices explain. NaN where nothing was learned."""
    tables: Tables | None
    """Relative to no attention, with a standard deviation of 1 over the scored placements; None if left out."""
    reason: str
    """Why it is left out; empty where it is not."""


def learn_covariate(design: Design, scores: Mapping[Placement, float]) -> Covariate:
    """Learn a score from finite values of some placements, in any order, by a design without covariates."""
    placements = sorted(scores, key=str)
    values = np.array([scores[placement] for placement in placements])
    if len(values) < LEAST_SCORED:
        return left_out(len(values), f"only {len(values)} placements have a score")
    if np.ptp(values) == 0:
        return left_out(len(values), "all scores are equal")
    heights = normal_scores(values)
    observations = [
        Observation(placement=placement, seed=None, score=float(height))
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

    Only the order of scores is used: some grow exponentially (synflow), or drop to a large negative number for a
    network that is almost dead (NASWOT).
    """
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(ndtri((ranks[position] - 0.375) / (len(values) + 0.25)), dtype=np.float64)


def tables_of(covariates: Mapping[str, Covariate]) -> dict[str, Tables]:
    """Return the tables of the covariates that are not left out, as a design takes them."""
    return {name: each.tables for name, each in covariates.items() if each.tables is not None}


def left_out(scored: int, reason: str, *, fit: float = float("nan")) -> Covariate:
    """Return a covariate that is left out of the model."""
    return Covariate(scored=scored, fit=fit, tables=None, reason=reason)


def _divided(tables: Tables, by: float) -> Tables:
    return replace(
        tables,
        main=tuple(table / by for table in tables.main),
        pairs={key: table / by for key, table in tables.pairs.items()},
    )
