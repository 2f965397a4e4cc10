"""The gates of a network over a set of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seplace.attention.options import GateOptions
from seplace.backbones.backbone import Backbone
from seplace.datasets.image_set import Split
from seplace.datasets.loader import BatchLoader
from seplace.gates.measure import measure_gates, not_gates
from seplace.gates.record import GateRecord
from seplace.placement import Placement

MOST_IMAGES = 2000
"""The number of images that gates are measured over unless more are asked for."""
_EXAMPLES = 5
_BATCH_SIZE = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class LabeledImages:
    """Images for a network, and their classes."""

    pixels: NDArray[np.uint8] = field(repr=False)
    """(N, C, H, W)."""
    labels: NDArray[np.int64] = field(repr=False)
    """(N,); all 0 where classes are not known."""
    classes: tuple[str, ...]
    """The names of the classes; empty where they are not known."""
    mean: Sequence[float]
    std: Sequence[float]
    text: str
    """The images in words."""


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Return the numbers of at most `most` of `count` images."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def gates_over(
    images: LabeledImages,
    network: nn.Module,
    *,
    backbone: Backbone,
    placement: Placement,
    gate: GateOptions,
    device: torch.device,
) -> GateRecord:
    """Measure the gates of a network that was built from a backbone, a placement and gate options."""
    batches = BatchLoader(
        Split(images.pixels, images.labels),
        batch_size=_BATCH_SIZE,
        mean=images.mean,
        std=images.std,
        device=device,
        augmentation=None,
        shuffle_seed=None,
        memory_format=torch.contiguous_format,
    )
    examples = _examples(images.labels)
    return GateRecord(
        backbone=backbone.text,
        placement=str(placement),
        noun=backbone.granularity,
        images=images.text,
        classes=images.classes,
        labels=images.labels,
        gates=measure_gates(
            network.to(device), batches, backbone=backbone, placement=placement, gate=gate, examples=examples
        ),
        others=not_gates(placement, noun=backbone.granularity),
        examples=images.pixels[examples],
        example_classes=tuple(images.classes[label] for label in images.labels[examples]) if images.classes else (),
    )


def gates_over_inputs(
    inputs: torch.Tensor,
    network: nn.Module,
    *,
    backbone: Backbone,
    placement: Placement,
    gate: GateOptions,
    device: torch.device,
    text: str,
) -> GateRecord:
    """Measure the gates over inputs (N, C, H, W) as the network takes them; their classes are not known.

    As examples the inputs are shown between their least and their largest value.
    """
    labels = np.zeros(len(inputs), dtype=np.int64)
    examples = _examples(labels)
    shown = inputs[torch.from_numpy(examples)].float()
    low, high = shown.amin(), shown.amax()
    pixels = (255 * (shown - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8).numpy()
    batches = [(some.to(device), some) for some in torch.split(inputs, _BATCH_SIZE)]
    return GateRecord(
        backbone=backbone.text,
        placement=str(placement),
        noun=backbone.granularity,
        images=text,
        classes=(),
        labels=labels,
        gates=measure_gates(
            network.to(device), batches, backbone=backbone, placement=placement, gate=gate, examples=examples
        ),
        others=not_gates(placement, noun=backbone.granularity),
        examples=pixels if pixels.shape[1] in (1, 3) else pixels[:, :1],
        example_classes=(),
    )


def _examples(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the first image of each of some classes; of one class, of the first images."""
    first = np.sort(np.unique(labels, return_index=True)[1])
    return first[:_EXAMPLES] if len(first) > 1 else np.arange(min(_EXAMPLES, len(labels)))
