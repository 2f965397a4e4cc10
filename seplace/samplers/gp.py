"""Bayesian optimisation with Gaussian processes and expected hypervolume improvement."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - Optuna's own need no more than the study
    """Return Optuna's GP sampler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(seed=seed)
