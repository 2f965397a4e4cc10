"""A weight-sharing network, trained once for all placements (after Guo et al., arXiv:1904.00420).

Bender et al. (2018) and others report that such networks need not rank placements as stand-alone trainings do.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from seplace.backbones.sites import Stage
from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement, StageChoice
from seplace.proxies.proxy import Effort, rescaled
from seplace.proxies.untrained import seeded
from seplace.seeds import derive_seed

Path = tuple[int, ...]
"""The position of a choice for each unit (stage or block)."""


def make(networks: StudyNetworks, *, seed: int, effort: Effort) -> SharedWeights:
    """Train a supernet for each backbone of the study's space, and return the proxy.

    Raises TrainingFailed where a supernet's training diverges.
    """
    recipe = rescaled(networks.config.recipe, epochs=effort.supernet_epochs)
    recipe = recipe.model_copy(update={"compile": False})  # each path would be compiled again
    supernets = {}
    for variant in networks.config.search_space.backbones:
        supernet = Supernet.build(networks, variant, seed=seed)
        with seeded(networks.device, derive_seed(seed, "proxy")):
            trained, _ = networks.fit(supernet, recipe=recipe, seed=seed)
        assert isinstance(trained, Supernet)
        supernets[variant] = trained
    return SharedWeights(networks, supernets, seed=seed, recalibration_batches=effort.recalibration_batches)


class SharedWeights:
    """The negative cross-entropy, in nats, of a placement's path of a supernet on the validation split."""

    def __init__(
        self, networks: StudyNetworks, supernets: Mapping[str, Supernet], *, seed: int, recalibration_batches: int
    ) -> None:
        """Take trained supernets by the text of their backbones, which is empty for the first."""
        self.networks = networks
        self.supernets = supernets
        self.seed = seed
        self.recalibration_batches = recalibration_batches

    def score(self, placement: Placement) -> float:
        """Return the score of the path, with its own batch-norm statistics; -inf where it is not finite."""
        network = self.networks.startable(placement, seed=self.seed)
        network.load_state_dict(self.supernets[placement.variant].state_of(placement))
        batches = self.networks.training_batches(seed=self.seed)
        recalibrate(network, itertools.islice(batches, self.recalibration_batches))
        loss = self.networks.score(network).cross_entropy
        return -loss if math.isfinite(loss) else -math.inf


class Supernet(nn.Module):
    """A network with the blocks of every choice of every unit side by side.

    In training, each forward pass draws a random path from its own generator; in inference it takes `path`, the last
    one drawn.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        units: Sequence[Stage],
        choices: Sequence[Sequence[StageChoice]],
        *,
        seed: int,
    ) -> None:
        """Take over networks: the k-th has the k-th choice of each unit, or the last where a unit has fewer."""
        super().__init__()
        self.network = networks[0]
        self.units = units
        self.choices = choices
        self.random = random.Random(derive_seed(seed, "paths"))
        self._has_trained = False
        self._switches: list[list[Switch]] = []
        for unit, listed in zip(units, choices, strict=True):
            switches = []
            for site in unit.sites:
                switch = Switch([network.get_submodule(site.path) for network in networks[: len(listed)]])
                self._replace(self.network.get_submodule(site.path), switch)
                switches.append(switch)
            self._switches.append(switches)

    def _replace(self, block: nn.Module, switch: Switch) -> None:
        """Replace a block by a switch under all its names."""
        for parent in list(self.network.modules()):
            for name, child in parent._modules.items():
                if child is block and parent is not switch.blocks:
                    parent._modules[name] = switch

    @classmethod
    def build(cls, networks: StudyNetworks, variant: str, *, seed: int) -> Supernet:
        """Build the untrained supernet of a backbone for the choices of the space and of the baselines.

        Every path starts with the weights of its placement for this seed.
        """
        space = networks.config.search_space
        beside = [mark.choices for mark in space.baselines.values() if mark.variant == variant]
        choices = [
            tuple(dict.fromkeys([*listed, *marks])) for listed, *marks in zip(space.choices, *beside, strict=True)
        ]
        started = [
            networks.startable(
                Placement(tuple(listed[min(number, len(listed) - 1)] for listed in choices), variant), seed=seed
            )
            for number in range(max(map(len, choices)))
        ]
        return cls(started, space.backbones[variant].units, choices, seed=seed)

    @property
    def path(self) -> Path:
        """The positions of the active choices."""
        return tuple(switches[0].at for switches in self._switches)

    @path.setter
    def path(self, path: Path) -> None:
        for switches, at in zip(self._switches, path, strict=True):
            for switch in switches:
                switch.at = at

    def path_of(self, placement: Placement) -> Path:
        """Return the path of a placement, whose choices must be the supernet's."""
        return tuple(listed.index(choice) for listed, choice in zip(self.choices, placement.choices, strict=True))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        if self.training:
            self.path = tuple(self.random.randrange(len(listed)) for listed in self.choices)
        logits: Tensor = self.network(images)
        if self.training and not self._has_trained:
            # Fused SGD needs all parameters to have a momentum or none: the first step creates each.
            self._has_trained = True
            logits = logits + 0.0 * sum(parameter.sum() for parameter in self.parameters())
        return logits

    def state_of(self, placement: Placement) -> dict[str, Tensor]:
        """Return the weights of a placement's path, under the names of its stand-alone network."""
        chosen: dict[str, str] = {}
        names = list(self.network.named_modules(remove_duplicate=False))
        for switches, at in zip(self._switches, self.path_of(placement), strict=True):
            paths = [path for path, module in names if module in switches]
            chosen |= {f"{path}.blocks.{at}.": f"{path}." for path in paths}
        switched = tuple(f"{path}.blocks." for path, module in names if isinstance(module, Switch))
        state = {}
        for name, tensor in self.network.state_dict().items():
            if not name.startswith(switched):
                state[name] = tensor
            for there, here in chosen.items():
                if name.startswith(there):
                    state[here + name.removeprefix(there)] = tensor
        return state


class Switch(nn.Module):
    """The blocks of a site, one for each choice; one of them is active."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.at = 0

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the active block."""
        output: Tensor = self.blocks[self.at](*inputs)
        return output


def recalibrate(network: nn.Module, batches: itertools.islice[tuple[Tensor, Tensor]]) -> None:
    """Recompute the batch-norm statistics of a network as averages over some batches; leave it in eval mode.

    A frozen batch norm keeps its statistics.
    """
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    learning = [norm for norm in norms if norm.train().training]
    momenta = [norm.momentum for norm in learning]
    for norm in learning:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average of all batches
    with torch.no_grad():
        for images, _ in batches:
            network(images)
    for norm, momentum in zip(learning, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
