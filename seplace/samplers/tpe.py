"""The tree-structured Parzen estimator for several objectives (Ozaki et al., 2022)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

if TYPE_CHECKING:
    from seplace.samplers.task import Task


def make(seed: int, task: Task) -> BaseSampler:  # noqa: ARG001 - Optuna's own need no more than the study
    """Return Optuna's TPE over all stages jointly; placements that are still training count as poor ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)
