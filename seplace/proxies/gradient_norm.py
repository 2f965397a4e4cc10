"""The norm of the first gradient (a baseline of Abdelfattah et al., arXiv:2101.08134, there summed over layers)."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.evaluators.study_networks import StudyNetworks
from seplace.proxies.proxy import Effort
from seplace.proxies.untrained import UntrainedScore


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> UntrainedScore:
    """Return the proxy of a study."""
    return UntrainedScore(gradient_norm, networks, seed=seed, effort=effort)


def gradient_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the Euclidean norm, over all parameters, of the gradient of the cross-entropy, in training mode."""
    twin = copy.deepcopy(network).train()
    parameters = [parameter.requires_grad_() for parameter in twin.parameters()]
    gradients = torch.autograd.grad(F.cross_entropy(twin(images), labels), parameters, allow_unused=True)
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients if gradient is not None]
    return float(torch.linalg.vector_norm(torch.stack(norms)))
