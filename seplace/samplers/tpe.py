"""The tree-structured Parzen estimator for several objectives (MOTPE; Ozaki et al., 2022), in three encodings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from seplace.samplers.encoded import EncodedSampler, factors, ordered

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - it reads the study alone
    """Return Optuna's multivariate TPE; placements in training count as poor ones (constant liar)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)


def make_factors(seed: int, task: Task) -> BaseSampler:
    """Return the same TPE on module, ratio and attachment as separate parameters."""
    return EncodedSampler(make(seed, task), task, factors)


def make_ordered(seed: int, task: Task) -> BaseSampler:
    """Return the same TPE on the choices of a stage as integers in the order of their costs."""
    return EncodedSampler(make(seed, task), task, ordered)
