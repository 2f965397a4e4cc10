"""Uniform random placements."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler


def make(seed: int) -> BaseSampler:
    """Return Optuna's random sampler."""
    return RandomSampler(seed=seed)
