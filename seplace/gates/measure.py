"""Measure the gates of a network: hooks on each gate while images pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attachments.cross import Cross
from seplace.attention import ATTENTION
from seplace.attention.applied import Scaled
from seplace.attention.bam import BAM
from seplace.attention.cbam import CBAM, ChannelGate, SpatialGate
from seplace.attention.coord import CoordinateAttention
from seplace.attention.options import GateOptions
from seplace.backbones.backbone import Backbone
from seplace.gates.record import GateValues
from seplace.models import attention_maker
from seplace.placement import Placement, StageChoice

_BEYOND = 1e4
"""An input of a squashing that is as good as infinite, and an output that is too large for a bound."""


def measure_gates(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    backbone: Backbone,
    placement: Placement,
    gate: GateOptions,
    examples: Sequence[int] | NDArray[np.int64] = (),
) -> tuple[GateValues, ...]:
    """Pass images through a network in eval mode and return the values of its gates, in the order of the network.

    `placement` and `gate` are those that the network was built with; `examples` are the numbers of the images whose
    maps are kept. Modules that are not gates are left out; see `not_gates`.
    """
    probes = [
        probe
        for stage, (unit, choice) in enumerate(zip(backbone.units, placement.choices, strict=True), start=1)
        for block, site in enumerate(unit.sites, start=1)
        for probe in _probes(network.get_submodule(site.path), stage=stage, block=block, site=site.path, choice=choice)
    ]
    wanted = np.sort(np.asarray(examples, dtype=np.int64))
    was_training = network.training
    network.eval()
    with _hooked(probes), torch.inference_mode():
        start = 0
        for images, _ in batches:
            for probe in probes:
                probe.kept = wanted[(wanted >= start) & (wanted < start + len(images))] - start
            network(images)
            start += len(images)
    network.train(was_training)
    block_inputs = {site.path: site.in_channels for unit in backbone.units for site in unit.sites}
    return tuple(probe.result(gate, block_input=block_inputs[probe.site]) for probe in probes)


def not_gates(placement: Placement, *, noun: str) -> tuple[str, ...]:
    """Return a sentence on each choice of a placement whose module is not a gate; `noun` is stage or block."""
    return tuple(
        f"{noun} {number}: {choice} is not a gate: it {_EFFECTS[_kind_of(choice)]}."
        for number, choice in enumerate(placement.choices, start=1)
        if _kind_of(choice) != "gate"
    )


_EFFECTS = {"addition": "adds a vector to the map", "mixture": "mixes two convolutions by weights that sum to one"}


def _kind_of(choice: StageChoice) -> str:
    if ATTENTION.entry(choice.name).is_additive:
        return "addition"
    return "gate" if ATTACHMENTS.entry(choice.attachment).takes_gates else "mixture"


@dataclass(eq=False, kw_only=True)
class _Probe:
    """A hook on a gate, and what it has seen."""

    module: nn.Module
    stage: int
    block: int
    site: str
    choice: StageChoice
    part: str
    kept: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    channels: int = 0
    """Of the map that the gate sees."""
    size: tuple[int, int] = (0, 0)
    """Of that map."""
    values: list[Tensor] = field(default_factory=list)
    least: list[Tensor] = field(default_factory=list)
    most: list[Tensor] = field(default_factory=list)
    maps: list[Tensor] = field(default_factory=list)
    variance: float = 0.0

    def see(self, _module: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
        """Keep the values of a batch; a gate may have fewer dimensions than the map that it broadcasts against."""
        images, self.channels, *size = given[0].shape
        self.size = (size[0], size[1])
        gate = output.detach().float()
        gate = gate.reshape(*[1] * (4 - gate.ndim), *gate.shape)
        gate = gate.expand(images, *gate.shape[1:])
        self.values.append(gate.mean((2, 3)).cpu())
        self.least.append(gate.amin((0, 2, 3)).cpu())
        self.most.append(gate.amax((0, 2, 3)).cpu())
        if gate.shape[2] * gate.shape[3] > 1:
            self.variance += float(gate.var((2, 3), correction=0).mean(1).double().sum())
            self.maps.append(gate[torch.from_numpy(self.kept)].mean(1).cpu())

    def result(self, options: GateOptions, *, block_input: int) -> GateValues:
        """Return what was seen."""
        values = torch.cat(self.values).numpy()
        return GateValues(
            stage=self.stage,
            block=self.block,
            site=self.site,
            module=str(self.choice),
            part=self.part,
            values=values,
            least=torch.stack(self.least).amin(0).numpy(),
            most=torch.stack(self.most).amax(0).numpy(),
            positions_sd=(self.variance / len(values)) ** 0.5,
            maps=torch.cat(self.maps).numpy() if self.maps else None,
            start=self._start(options, block_input=block_input),
            bounds=_bounds(self.module),
        )

    def _start(self, options: GateOptions, *, block_input: int) -> float:
        """Return the mean of the gate that a fresh module gives maps of zeros."""
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.default_generator.manual_seed(0)
            built = attention_maker(self.choice, gate=options, block_input=block_input)(self.channels)
            fresh: nn.Module = built.get_submodule(f"gate.{self.part}" if self.part else "gate").eval()
            gate: Tensor = fresh(torch.zeros(2, self.channels, *self.size))
        return float(gate.float().mean())


def _probes(module: nn.Module, *, stage: int, block: int, site: str, choice: StageChoice) -> Iterator[_Probe]:
    """Yield a probe for each gate in a block, and for each part of a gate that is the product of two."""
    for inside in module.modules():
        if isinstance(inside, Scaled | Cross):
            for part, gate in _parts(inside.gate):
                yield _Probe(module=gate, stage=stage, block=block, site=site, choice=choice, part=part)


def _parts(gate: nn.Module) -> list[tuple[str, nn.Module]]:
    if not isinstance(gate, CBAM):
        return [("", gate)]
    return [(name, part) for name, part in gate.named_children() if isinstance(part, ChannelGate | SpatialGate)]


@contextmanager
def _hooked(probes: Sequence[_Probe]) -> Iterator[None]:
    handles = [probe.module.register_forward_hook(probe.see) for probe in probes]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _bounds(gate: nn.Module) -> tuple[float, float] | None:
    """Return the least and the greatest value of a gate of the shelf; None without an upper bound, or a user's own."""
    if isinstance(gate, BAM):
        return gate.least, gate.least + 1
    squash = next((part for name, part in gate.named_modules() if name.rpartition(".")[2] == "squash"), None)
    if squash is None or not type(gate).__module__.startswith("seplace."):
        return None
    low, high = (float(squash(torch.tensor(value))) for value in (-_BEYOND, _BEYOND))
    if high >= _BEYOND:
        return None
    return (low**2, high**2) if isinstance(gate, CoordinateAttention) else (low, high)
