"""The costs of a study's placements, counted on untrained networks or measured."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from seplace.costs import COSTS, cost_named, counted_names, measured_names
from seplace.costs.table import CostTable
from seplace.errors import InputError, UncountedOperator
from seplace.placement import Placement, StageChoice
from seplace.user_code import user_errors, user_errors_if

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from seplace.backbones.sites import Stage
    from seplace.space import SearchSpace
    from seplace.study.config import StudyConfig

_TIMED_TOGETHER = 16
"""The number of networks that are held in memory and timed in turns."""


class Networks(Protocol):
    """The networks of a study on one device."""

    config: StudyConfig
    device: torch.device

    @property
    def example(self) -> Tensor:
        """One blank input, shape (1, C, H, W), on the device."""

    @property
    def num_classes(self) -> int | None:
        """The number of logits that a network must return; None where its output may have any form."""

    def build(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build the untrained network of a placement."""

    def costed(self, network: nn.Module) -> tuple[nn.Module, str]:
        """Return what is costed: the network, or a module and the path at which it holds the network."""

    def untrained(self, placement: Placement) -> nn.Module:
        """Build what is costed on the device in eval mode, to be timed."""


def counted_choices(space: SearchSpace, variant: str) -> list[list[StageChoice]]:
    """Return the distinct choices of each unit in the space and in the baselines on one of its backbones."""
    baselines = [baseline for baseline in space.baselines.values() if baseline.variant == variant]
    return [
        list(dict.fromkeys([*listed, *(baseline.choices[unit] for baseline in baselines)]))
        for unit, listed in enumerate(space.choices)
    ]


def count_costs(networks: Networks) -> CostTable:
    """Count the costs of every choice of the space and of the baselines.

    FLOPs are left out, with a warning, where an operator has no count and the study does not need them. Raises
    UserCodeError where a network or a module of the user's own cannot be run.
    """
    config = networks.config
    names = counted_names(config.wanted_costs)
    try:
        return _counted(networks, names)
    except UncountedOperator as error:
        if "flops" in config.wanted_costs:
            raise
        warnings.warn(f"flops are left out of all tables: {error}", stacklevel=2)
    return _counted(networks, [name for name in names if name != "flops"])


def _counted(networks: Networks, names: list[str]) -> CostTable:
    from seplace.evaluators.checking import check_modules, check_network
    from seplace.evaluators.weights import serialize_weights
    from seplace.models import insert

    space = networks.config.search_space
    inserted = functools.partial(insert, gate=space.gate)
    tables = {}
    for variant, backbone in space.backbones.items():
        plain = networks.build(Placement.uniform(StageChoice(), len(backbone.units), variant=variant), seed=0)
        serialize_weights(plain)  # an error of storing them shows before any training
        choices = counted_choices(space, variant)
        images = networks.example.cpu()
        if backbone.is_own:
            check_network(backbone, plain, images, num_classes=networks.num_classes)
        check_modules(backbone, plain, images, choices, gate=space.gate)
        own = (
            backbone.is_own
            or any(choice.is_external for listed in choices for choice in listed)
            or any(map(COSTS.is_external, names))
        )
        costed, path = networks.costed(plain)
        units = [_inside(unit, path) for unit in backbone.units]
        with user_errors_if(own, f"{', '.join(names)} of {backbone.text} with its modules cannot be counted"):
            tables[variant] = CostTable.count(costed, units, inserted, images, choices, names=names)
    return replace(tables.pop(""), variants=tables)


def _inside(unit: Stage, path: str) -> Stage:
    """Return the blocks of a unit as they stand in a module that holds the network at a path."""
    return (
        replace(unit, sites=tuple(replace(site, path=f"{path}.{site.path}") for site in unit.sites)) if path else unit
    )


def time_placements(networks: Networks, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
    """Time placements, one image a pass, interleaved with the plain backbone; by the text of the placement.

    An extra is over the plain backbone in the same rounds, which is timed there once. The measured costs of the user's
    own that the study needs are measured, too.
    """
    from seplace.costs.latency import REPEATS, measure_latencies
    from seplace.models import holds_own_code
    from seplace.training.devices import device_name

    plain = Placement.uniform(StageChoice(), len(placements[0]))
    names = measured_names(networks.config.wanted_costs)
    latencies: dict[str, dict[str, Any]] = {}
    for start in range(0, len(placements), _TIMED_TOGETHER):
        some = placements[start : start + _TIMED_TOGETHER]
        timed = list(dict.fromkeys([plain, *some]))
        built = [networks.untrained(placement) for placement in timed]
        space = networks.config.search_space
        is_own = any(holds_own_code(space.backbone_of(placement), placement) for placement in some)
        with user_errors_if(is_own, "a network that holds code of your own cannot be timed"):
            measured = measure_latencies(built, networks.example)
        own = {name: _measured(name, built, networks.example) for name in names}
        for placement in some:
            at = timed.index(placement)
            latency = measured[at]
            latencies[str(placement)] = {
                **latency.columns("latency_ms"),
                "extra_latency_ms": latency.value - measured[0].value,
                "repeats": REPEATS,
                "batch": len(networks.example),
                "precision": "fp32",
                "device": device_name(networks.device),
                **{name: values[at] for name, values in own.items()},
                **{f"extra_{name}": values[at] - values[0] for name, values in own.items()},
            }
    return latencies


def _measured(name: str, networks: Sequence[nn.Module], images: Tensor) -> list[float]:
    """Measure a cost of the user's own of several networks in eval mode. Raises InputError for impossible values."""
    measure = cost_named(name).measure
    with user_errors(f"cost {name} cannot be measured"):
        values = [float(measure(network, images)) for network in networks]
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise InputError(f"cost {name}: a cost is a finite number of at least 0 (got {values})")
    return values
