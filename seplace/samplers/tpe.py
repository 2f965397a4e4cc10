"""The tree-structured Parzen estimator for several objectives (Ozaki et al., 2022), in three encodings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from seplace.samplers.encoded import EncodedSampler, factors, ordered

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - it sees the study's parameters as they are
    """Return Optuna's TPE over all stages jointly; placements that are still training count as poor ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)


def make_factors(seed: int, task: Task) -> BaseSampler:
    """Return the same, which sees module, ratio and attachment apart."""
    return EncodedSampler(make(seed, task), task, factors)


def make_ordered(seed: int, task: Task) -> BaseSampler:
    """Return the same, which sees the choices of a stage as whole numbers in the order of their costs."""
    return EncodedSampler(make(seed, task), task, ordered)
