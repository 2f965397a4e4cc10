"""NAS without training (Mellor et al., arXiv:2006.04647): how well activations distinguish images."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from seplace.evaluators.study_networks import StudyNetworks
from seplace.proxies.proxy import Effort
from seplace.proxies.untrained import UntrainedScore

_ACTIVATIONS = (
    "relu",
    "hardtanh",  # ReLU6 runs as one
    "leaky_relu",
    "_prelu_kernel",
    "elu",
    "hardswish",
    "silu",
    "gelu",
    "mish",
)
"""The operators, in place or not, of activations with a kink or a bend at zero; every kind of ReLU runs one."""


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> UntrainedScore:
    """Return the proxy of a study."""
    return UntrainedScore(naswot, networks, seed=seed, effort=effort)


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 - a Measure
    """Return log |det K|, where K (N, N) counts the activation units at which two images have the same sign.

    The network is in training mode, as published, so that batch norms use the statistics of the minibatch. The result
    is -inf, or very negative, where two images cannot be distinguished.
    """
    with torch.no_grad(), Agreement(len(images), images.device) as agreement:
        copy.deepcopy(network).train()(images)
    return float(torch.linalg.slogdet(agreement.kernel).logabsdet)


class Agreement(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count, for each pair of `count` images, the activation units at which both have the same sign."""

    def __init__(self, count: int, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernel = torch.zeros(count, count, dtype=torch.float64, device=device)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator; count the inputs of an activation before, since it may be in place."""
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]
        if name.removesuffix("_") in _ACTIVATIONS:
            self._count(args[0])
        return func(*args, **(kwargs or {}))

    def _count(self, entering: Tensor) -> None:
        # Where a module folds other axes into the first, it is longer than the batch, but images stay in order.
        codes = (entering.reshape(len(self.kernel), -1) > 0).float()
        agreeing = codes @ codes.T + (1 - codes) @ (1 - codes).T
        self.kernel += agreeing.double()
