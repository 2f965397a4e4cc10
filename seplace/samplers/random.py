"""Uniform random placements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.samplers import BaseSampler, RandomSampler

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - it reads the study alone
    """Return Optuna's random sampler."""
    return RandomSampler(seed=seed)
