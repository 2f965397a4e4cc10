"""DenseNet-BC for 32x32 images (Huang et al., 2017, arXiv:1608.06993): three dense blocks with transitions.

A stage is one dense block, so that a gate scales the concatenated maps of the whole block.
"""

from __future__ import annotations

from itertools import accumulate

from seplace.backbones.backbone import Backbone, canonical_text, check_width
from seplace.backbones.sites import Site, Stage, chain_widths

_LAYERS = (16, 16, 16)


def densenet_bc100_12(*, width: float = 1.0) -> Backbone:
    """Describe the network of 100 layers whose dense layers make 12 maps each; `width` multiplies the 12."""
    check_width("densenet_bc100_12", width)
    growth = max(1, round(12 * width))
    entering = tuple(
        accumulate(_LAYERS[:-1], lambda channels, layers: (channels + layers * growth) // 2, initial=2 * growth)
    )
    leaving = [channels + layers * growth for channels, layers in zip(entering, _LAYERS, strict=True)]
    return Backbone(
        text=canonical_text("densenet_bc100_12", {"width": width}, densenet_bc100_12),
        stages=tuple(
            Stage(
                sites=(
                    Site(
                        path=f"stages.{number}.0",
                        widths=chain_widths(channels),
                        in_channels=before,
                        channels=channels,
                    ),
                )
            )
            for number, (before, channels) in enumerate(zip(entering, leaving, strict=True))
        ),
        image_size=32,
        num_classes=10,
        min_image_size=4,
        network="seplace.backbones.networks.densenet:DenseNet",
        arguments={"entering": entering, "layers": _LAYERS, "growth": growth},
    )
