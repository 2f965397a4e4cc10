"""NSGA-II (Deb et al., 2002)."""

from __future__ import annotations

from optuna.samplers import BaseSampler, NSGAIISampler

_POPULATION = 20  # Optuna's 50 would spend the usual budget of a placement search on its first, random generation


def make(seed: int) -> BaseSampler:
    """Return Optuna's NSGA-II with a population that fits budgets of some tens of trainings."""
    return NSGAIISampler(population_size=_POPULATION, seed=seed)
