"""The tree-structured Parzen estimator for several objectives (Ozaki et al., 2022)."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler


def make(seed: int) -> BaseSampler:
    """Return Optuna's TPE over all stages jointly; placements that are still training count as poor ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)
