"""Optuna's NSGA-II (Deb et al., 2002, a fast and elitist multiobjective genetic algorithm)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.samplers import BaseSampler, NSGAIISampler

if TYPE_CHECKING:
    from seplace.samplers.task import Task

_POPULATION = 20  # Optuna's 50 would spend the usual budget of a placement search on its first, random generation


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - it reads the study alone
    """Return Optuna's NSGA-II with a population that fits budgets of some tens of trainings."""
    return NSGAIISampler(population_size=_POPULATION, seed=seed)
