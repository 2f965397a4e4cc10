"""What is exported: a network's description, its weights, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seplace import models
from seplace.errors import ExportMismatch, InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.placement import Placement


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedNetwork:
    """One trained network; InputError if its classes or channel figures are not as many as it says."""

    backbone: Backbone
    placement: Placement
    gate: GateOptions
    num_classes: int
    in_channels: int
    image_size: int
    """Side in pixels of the images that it was trained on, and that its FLOPs are counted for."""
    classes: tuple[str, ...]
    """Names in the order of the logits."""
    mean: tuple[float, ...]
    """For each channel, of pixels in 0 … 1."""
    std: tuple[float, ...]
    state: Mapping[str, Tensor] = field(repr=False)
    """The state_dict of the network that `models.build` gives."""
    flops: int
    """What the price table says of the placement, for one image."""
    provenance: Mapping[str, str | int | float | None]
    """Where the weights come from, in the order to show: study, seed, epochs, n, accuracy with accuracy_lower and
    accuracy_upper (percent, of the validation split), cross_entropy (nats), test_accuracy, versions, device, data, …"""

    def __post_init__(self) -> None:
        if len(self.classes) != self.num_classes:
            raise InputError(f"{self.num_classes} classes need as many names (got {len(self.classes)})")
        if not len(self.mean) == len(self.std) == self.in_channels:
            raise InputError(
                f"{self.in_channels} channels need as many means and deviations (got {self.mean}, {self.std})"
            )
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise InputError(f"means are finite and deviations over 0 (got {self.mean} and {self.std})")

    def build(self) -> nn.Module:
        """Build the network in eval mode with its weights; ExportMismatch if they do not fit it."""
        network = models.build(
            self.backbone,
            self.placement,
            gate=self.gate,
            num_classes=self.num_classes,
            in_channels=self.in_channels,
            seed=0,
        )
        try:
            network.load_state_dict(self.state)
        except RuntimeError as error:
            raise ExportMismatch(f"the weights do not fit {self.backbone.text} {self.placement}: {error}") from error
        return network.eval()
