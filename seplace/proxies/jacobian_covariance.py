"""Correlation of Jacobians (first version of Mellor et al., arXiv:2006.04647): how differently images are mapped."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from seplace.evaluators.study_networks import StudyNetworks
from seplace.proxies.proxy import Effort
from seplace.proxies.untrained import UntrainedScore

_LEAST = 1e-5
"""Added to every eigenvalue, so that none is zero."""


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> UntrainedScore:
    """Return the proxy of a study."""
    return UntrainedScore(jacobian_covariance, networks, seed=seed, effort=effort)


def jacobian_covariance(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 - a Measure
    """Return -Σ (log v + 1/v) over the eigenvalues v of the correlation matrix (N, N) of the images' Jacobians.

    The Jacobian of an image is the gradient of the sum of all logits with respect to it, in training mode. Return -inf
    where the gradient of an image is zero.
    """
    given = images.clone().requires_grad_()
    logits = copy.deepcopy(network).train()(given)
    jacobians = torch.autograd.grad(logits.sum(), given)[0].flatten(1).double()
    correlations = torch.corrcoef(jacobians)
    if not correlations.isfinite().all():
        return -math.inf
    eigenvalues = torch.linalg.eigvalsh(correlations).clamp(min=0) + _LEAST
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())
