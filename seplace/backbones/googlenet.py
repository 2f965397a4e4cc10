"""GoogLeNet (Szegedy et al., 2015, arXiv:1409.4842), with batch norms and without the auxiliary classifiers.

It is the network of the released weights (TensorFlow's and torchvision's): convolutions have a batch norm instead of a
bias, and the third path of a module has a 3x3 convolution where the paper has a 5x5. `googlenet[kernel=5]` has the
paper's.
"""

from __future__ import annotations

from typing import NamedTuple

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.inception import scaled_channels
from seplace.backbones.sites import chain_stage
from seplace.errors import InputError


class ModuleShape(NamedTuple):
    """The channels of the four paths of a module, each in the order of its convolutions (table 1 of the paper)."""

    pointwise: tuple[int, ...]
    single: tuple[int, ...]
    wide: tuple[int, ...]
    projection: tuple[int, ...]

    def scaled(self, width: float) -> ModuleShape:
        """Return the shape with all channels scaled by a factor."""
        return ModuleShape(*(scaled_channels(path, width) for path in self))

    @property
    def out_channels(self) -> int:
        """The channels of the concatenated paths."""
        return sum(path[-1] for path in self)


GOOGLENET_STEM = (64, 64, 192)
GOOGLENET_MODULES = (
    (
        ModuleShape((64,), (96, 128), (16, 32), (32,)),
        ModuleShape((128,), (128, 192), (32, 96), (64,)),
    ),
    (
        ModuleShape((192,), (96, 208), (16, 48), (64,)),
        ModuleShape((160,), (112, 224), (24, 64), (64,)),
        ModuleShape((128,), (128, 256), (24, 64), (64,)),
        ModuleShape((112,), (144, 288), (32, 64), (64,)),
        ModuleShape((256,), (160, 320), (32, 128), (128,)),
    ),
    (
        ModuleShape((256,), (160, 320), (32, 128), (128,)),
        ModuleShape((384,), (192, 384), (48, 128), (128,)),
    ),
)


def googlenet(*, kernel: int = 3, width: float = 1.0) -> Backbone:
    """Describe GoogLeNet, with stages of the modules 3a-3b, 4a-4e and 5a-5b."""
    check_width("googlenet", width)
    if kernel not in (3, 5):
        raise InputError(f"googlenet: kernel, of the third path of a module, is 3 or 5 (got {kernel})")
    (channels,) = scaled_channels(GOOGLENET_STEM[-1:], width)
    stages = []
    for number, shapes in enumerate(GOOGLENET_MODULES):
        stages.append(
            chain_stage(number, in_channels=channels, channels=[each.scaled(width).out_channels for each in shapes])
        )
        channels = stages[-1].channels
    return Backbone(
        text=canonical_text("googlenet", {"kernel": kernel, "width": width}, googlenet),
        stages=tuple(stages),
        image_size=224,
        num_classes=1000,
        min_image_size=32,
        network="seplace.backbones.networks.googlenet:GoogLeNet",
        arguments={"kernel": kernel, "width": width},
    )
