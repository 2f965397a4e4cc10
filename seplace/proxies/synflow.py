"""Synaptic flow (Tanaka et al., arXiv:2006.05467): how much weight lies on the paths of a network; it uses no image.

Abdelfattah et al. (arXiv:2101.08134) use it as a score of architectures, without batch norms.
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
    """Return the proxy of a study; it uses only the shape of the minibatch."""
    return UntrainedScore(synflow, networks, seed=seed, effort=effort)


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 - a Measure
    """Return log Σ |θ ∂R/∂θ| over all parameters θ, R the sum of the logits of one image of ones.

    Every θ is replaced by |θ| and every batch norm by the identity. R is a product over layers: hence double precision,
    and the logarithm. The result is -inf where R has no gradient.
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
