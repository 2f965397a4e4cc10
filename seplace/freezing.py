"""Freezing: networks in which only the inserted attention modules learn."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from seplace.attachments.cross import Cross
from seplace.attachments.kernel import Kernel
from seplace.attention.applied import Added, Scaled
from seplace.backbones.foreign.recast import recast, recipe_of


class StaysInEval:
    """The recipe of a frozen batch norm: it stays in inference."""

    def attributes(self, kind: type[nn.Module]) -> dict[str, Any]:
        """Return a `train` that keeps the module in inference, whatever the mode of the network."""

        def train(self: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 - torch gives it its name
            return kind.train(self, False)

        return {"train": train}

    def modules(self) -> tuple[str, ...]:
        """Return no modules."""
        return ()


def freeze_backbone(network: nn.Module, *, new: Collection[str] = ()) -> None:
    """Freeze a network in place, except its attention modules and the modules at the paths `new`.

    Frozen parameters take no gradient. Frozen batch norms use and keep their running statistics, also after
    `network.train()`.
    """
    modules = list(network.modules())
    inserted = [module for module in modules if isinstance(module, Scaled | Added | Cross)]
    kernels = [part for module in modules if isinstance(module, Kernel) for part in (module.dilated, module.gate)]
    learning = {part for module in (*inserted, *kernels) for part in module.modules()}
    learning |= {network.get_submodule(path) for path in new}
    for module in [module for module in modules if module not in learning]:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and recipe_of(module, StaysInEval) is None:
            recast(module, StaysInEval())
            module.eval()
