"""The maps that the stages of a network leave, for detection and segmentation, and weights that fit in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn


class FeatureMaps(nn.Module):
    """The map that each stage leaves; the head and the classifier are left out.

    Its tensors have the names that they have in the network. `channels` and `strides` have one number a stage.
    """

    def __init__(self, network: Any, *, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.strides = tuple(strides)
        self.stem = getattr(network, "stem", nn.Sequential())
        self.transitions = getattr(network, "transitions", nn.ModuleList(nn.Sequential() for _ in channels))
        self.stages = network.stages

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (N, C, H, W) to one map (N, channels, H/stride, W/stride) a stage."""
        x = self.stem(images)
        maps = []
        for transition, stage in zip(self.transitions, self.stages):  # noqa: B905 (torch.jit.script takes no strict)
            x = stage(transition(x))
            maps.append(x)
        return maps


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Load the weights whose names and shapes a network has, and return the names of its tensors that got none.

    Only the classifier may be of another shape, for another number of classes, and only the parts that feature maps do
    not need may be left out. Raises ValueError for weights of another network.
    """
    own = network.state_dict()
    fitting = {name: weight for name, weight in weights.items() if name in own and own[name].shape == weight.shape}
    left = [name for name in own if name not in fitting]
    if wrong := [name for name in left if not name.startswith("classifier.")]:
        raise ValueError(f"these are the weights of another network: none fits {', '.join(wrong[:3])}")
    network.load_state_dict(fitting, strict=False)
    return left
