"""The new parts of a network with trained weights: they learn although the backbone is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seplace.backbones.foreign.traced import TracedBackbone
from seplace.evaluators.network_identity import seeded

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone
    from seplace.study.config import StudyConfig

Learning = Mapping[str, list[str] | None]
"""By backbone: the paths of its new parts; None where no weights were loaded."""


def parts_that_learn(config: StudyConfig, images: Mapping[str, Any]) -> Learning:
    """Return the new parts of each of the user's own networks in a study."""
    return {
        backbone.text: _outermost(new_modules(backbone, len(images["classes"]), images["channels"]))
        for backbone in config.search_space.backbones.values()
        if backbone.is_own
    }


def _outermost(paths: frozenset[str] | None) -> list[str] | None:
    if paths is None:
        return None
    return sorted(path for path in paths if not any(path.startswith(f"{other}.") for other in paths))


def new_modules(backbone: Backbone, num_classes: int, in_channels: int) -> frozenset[str] | None:
    """Return the paths of the modules of a network whose weights are drawn, and not loaded.

    The network is built on two seeds, and a weight that differs was drawn. A module with some drawn and no loaded
    weights is new as a whole, since norms begin at ones and zeros in any case. None where no parameter was loaded.
    """
    build = backbone.plain if isinstance(backbone, TracedBackbone) else backbone.build
    networks = []
    for seed in (0, 1):
        with seeded(seed):
            networks.append(build(num_classes=num_classes, in_channels=in_channels))
    origins = _origins(*networks)
    if "loaded" not in origins.values():
        return None
    new: set[str] = set()
    _collect_new(networks[0], "", origins, new)
    return frozenset(new)


def _origins(network: nn.Module, other: nn.Module) -> dict[str, str]:
    """Return where each parameter, and each statistic of a norm, comes from: drawn, loaded, or a constant."""
    others = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    statistics = {
        f"{path}.{name}".lstrip("."): tensor
        for path, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for name, tensor in module.named_buffers(recurse=False)
    }
    own = {**dict(network.named_parameters()), **statistics}
    return {name: _origin(tensor, others.get(name)) for name, tensor in own.items()}


def _origin(tensor: Tensor, other: Tensor | None) -> str:
    if other is None or tensor.shape != other.shape or not torch.equal(tensor, other):
        return "drawn"
    return "constant" if tensor.numel() < 2 or bool((tensor == tensor.flatten()[0]).all()) else "loaded"


def _collect_new(module: nn.Module, path: str, origins: Mapping[str, str], new: set[str]) -> None:
    here = f"{path}." if path else ""
    within = {name.removeprefix(here): origin for name, origin in origins.items() if name.startswith(here)}
    if "drawn" not in within.values():
        return
    if "loaded" not in within.values():
        new.update(f"{here}{name}".rstrip(".") for name, _ in module.named_modules())
        return
    if any(origin == "drawn" for name, origin in within.items() if "." not in name):
        new.add(path)
    for name, child in module.named_children():
        _collect_new(child, f"{here}{name}", origins, new)
