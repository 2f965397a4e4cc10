"""Bayesian optimisation with Gaussian processes and expected hypervolume improvement."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler


def make(seed: int) -> BaseSampler:
    """Return Optuna's GP sampler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(seed=seed)
