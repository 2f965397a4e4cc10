"""The networks of a study with a training of the user's own, as trainings and costs need them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import torch
from torch import nn

from seplace.backbones.foreign.traced import as_returned
from seplace.errors import DataError, InputError
from seplace.models import build, holds_own_code
from seplace.placement import Placement, StageChoice
from seplace.study.config import StudyConfig
from seplace.study.own_training import OwnTraining
from seplace.training.own_fit import quiet
from seplace.training.own_parts import example_shape, make_data, make_module, package_of_module, paths_of
from seplace.training.own_state import own_state
from seplace.user_code import user_errors_if


class OwnNetworks:
    """Builds the networks of one study on one device; what a network returns is what its own forward returns."""

    def __init__(self, config: StudyConfig, *, device: str) -> None:
        self.config = config
        self.device = torch.device(device)

    @property
    def training(self) -> OwnTraining:
        """The training of the user's own."""
        training = self.config.own_training
        assert training is not None
        return training

    @cached_property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of an input: as the study says, or the module's example.

        Raises InputError where neither says it, and DataError where the input is too small for the strides.
        """
        shape = self.training.input or self._shape_of_example()
        channels, height, width = shape
        for backbone in self.config.search_space.backbones.values():
            if min(height, width) < backbone.min_image_size:
                raise DataError(
                    f"training.input: {height}x{width} is too small for the strides of {backbone.text}, which needs "
                    f"{backbone.min_image_size}"
                )
        return channels, height, width

    def _shape_of_example(self) -> tuple[int, ...]:
        plain = Placement.uniform(StageChoice(), len(self.config.search_space.choices))
        backbone = self.config.search_space.backbone_of(plain)
        network = self._built(plain, seed=0, in_channels=getattr(backbone, "in_channels", 3))
        with own_state(self.training, 0), quiet():
            shape = example_shape(make_module(self.training, network))
        if shape is None:
            raise InputError(
                f"training.input is missing: the shape [channels, height, width] of an input, which costs are counted "
                f"on; or {self.training.module} sets self.example_input_array, a tensor (N, C, H, W)"
            )
        return shape

    def check_parts(self) -> None:
        """Make the module of the plain backbone, and the data, once; raises UserCodeError where that fails."""
        plain = Placement.uniform(StageChoice(), len(self.config.search_space.choices))
        network = self.build(plain, seed=0)
        with own_state(self.training, 0), quiet():
            module = make_module(self.training, network)
            make_data(self.training, package_of_module(module))

    def num_classes_of(self, placement: Placement) -> int:
        """Return the classes that a network is built for: the study's, or the backbone's own."""
        return self.training.classes or self.config.search_space.backbone_of(placement).num_classes

    def build(self, placement: Placement, *, seed: int) -> nn.Module:
        """Build the untrained network of a placement, on the CPU."""
        return self._built(placement, seed=seed, in_channels=self.input_shape[0])

    def _built(self, placement: Placement, *, seed: int, in_channels: int) -> nn.Module:
        space = self.config.search_space
        backbone = space.backbone_of(placement)
        return build(
            as_returned(backbone),
            placement,
            gate=space.gate,
            num_classes=self.num_classes_of(placement),
            in_channels=in_channels,
            seed=seed,
        )

    @property
    def num_classes(self) -> None:
        """None: a network may return what its module takes."""
        return

    def costed(self, network: nn.Module) -> tuple[nn.Module, str]:
        """Return what is costed, the network or its module, and the path at which it holds the network."""
        if self.training.cost_of == "network":
            return network, ""
        with own_state(self.training, 0), quiet():
            module = make_module(self.training, network)
        return module, paths_of(module, network)[0]

    def untrained(self, placement: Placement) -> nn.Module:
        """Build what is costed on this device in eval mode, to be timed."""
        costed, _ = self.costed(self.build(placement, seed=0))
        return costed.to(self.device).eval()

    @property
    def example(self) -> torch.Tensor:
        """One blank input, shape (1, C, H, W), on this device."""
        return torch.zeros(1, *self.input_shape, device=self.device)

    def user_errors_in(self, placement: Placement, what: str) -> AbstractContextManager[None]:
        """Raise UserCodeError, with `what` failed in front, for errors in the user's own network or gates."""
        return user_errors_if(holds_own_code(self.config.search_space.backbone_of(placement), placement), what)

    def describe(self) -> dict[str, Any]:
        """Return what a network needs to be built again, as plain JSON types."""
        channels, height, width = self.input_shape
        plain = Placement.uniform(StageChoice(), len(self.config.search_space.choices))
        return {
            "input": [channels, height, width],
            "channels": channels,
            **({"image_size": height} if height == width else {}),
            "classes": [str(number) for number in range(self.num_classes_of(plain))],
        }
