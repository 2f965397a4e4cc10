"""Synaptic flow (Tanaka et al., 2020): how much of a network's total weight lies on its paths; sees no image.

As a score of architectures with batch norms left out: Abdelfattah et al. (2021).
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from seplace.evaluators.study_networks import StudyNetworks
from seplace.proxies.proxy import Effort
from seplace.proxies.untrained import UntrainedScore


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> UntrainedScore:
    """Return the score of a study's placements; of the minibatch only its shape is used."""
    return UntrainedScore(synflow, networks, seed=seed, effort=effort)


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 - a Measure
    """Return log Σ |θ ∂R/∂θ| over all parameters θ, R the sum of the logits of one image of ones.

    Every θ is replaced by |θ| and every batch norm by the identity. In double precision: R is a product over layers,
    which is also why its logarithm is the score. -inf where nothing flows.
    """
    linear = copy.deepcopy(network).double().eval()
    for module in linear.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_hook(_its_input)
    parameters = [parameter.requires_grad_() for parameter in linear.parameters()]
    with torch.no_grad():
        for parameter in parameters:
            parameter.abs_()
    ones = torch.ones_like(images[:1], dtype=torch.float64)
    gradients = torch.autograd.grad(linear(ones).sum(), parameters, allow_unused=True)
    flow = sum(
        float((parameter.detach() * gradient).abs().sum())
        for parameter, gradient in zip(parameters, gradients, strict=True)
        if gradient is not None
    )
    return -math.inf if flow == 0 else math.log(flow)


def _its_input(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> Tensor:
    return inputs[0]
