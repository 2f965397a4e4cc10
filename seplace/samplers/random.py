"""Uniform random placements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.samplers import BaseSampler, RandomSampler

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - Optuna's own need no more than the study
    """Return Optuna's random sampler."""
    return RandomSampler(seed=seed)
