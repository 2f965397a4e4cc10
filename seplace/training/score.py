"""The score of a network on a split of the data. Importing this needs no torch; measuring does."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

Batches = Iterable[tuple["Tensor", "Tensor"]]
"""Images (N, C, H, W) and labels (N,), on the device of the network."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The accuracy of a network on a split, in percent, and its mean cross-entropy, in nats."""

    accuracy: float
    cross_entropy: float


def measure_score(network: nn.Module, batches: Batches, *, precision: str) -> Score:
    """Score a network in eval mode, in the precision of its training; sums stay on the device until the end."""
    import torch
    import torch.nn.functional as F

    was_training = network.training
    network.eval()
    correct: Tensor | int = 0
    loss: Tensor | int = 0
    images_seen = 0
    with torch.inference_mode():
        for images, labels in batches:
            with torch.autocast(images.device.type, torch.bfloat16) if precision == "bf16" else nullcontext():
                logits = network(images)
            logits = logits.float()
            correct = correct + (logits.argmax(1) == labels).sum()
            loss = loss + F.cross_entropy(logits, labels, reduction="sum").double()
            images_seen += len(labels)
    network.train(was_training)
    return Score(accuracy=100 * float(correct) / images_seen, cross_entropy=float(loss) / images_seen)
