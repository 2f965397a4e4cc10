"""The score of a network on a split of the data. Importing this needs no torch; measuring does."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seplace.arrays import ImageBits, check_correct

if TYPE_CHECKING:
    from torch import Tensor, nn

Batches = Iterable[tuple["Tensor", "Tensor"]]
"""Images (N, C, H, W) and labels (N,), on the device of the network."""

_FIVE = 5


@dataclass(frozen=True, kw_only=True)
class Score:
    """The accuracy of a network on a split, in percent, and its mean cross-entropy, in nats."""

    accuracy: float
    cross_entropy: float
    correct: ImageBits | None = None
    """Which images of the split the network classified right; None where that is not known."""
    top5_accuracy: float | None = None
    """The percentage of images whose class is among the five with the largest logits; None for five classes or fewer,
    and where it is not known."""

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError where `correct` is no bits of images, or their accuracy is another."""
        check_correct(self.correct, self.accuracy)


def measure_score(network: nn.Module, batches: Batches, *, precision: str) -> Score:
    """Score a network in eval mode, in the precision of its training, image by image in the order of the batches.

    What is measured stays on the device until the end.
    """
    import torch
    import torch.nn.functional as F

    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    was_training = network.training
    network.eval()
    right: list[Tensor] = []
    loss: Tensor | int = 0
    among_five: Tensor | int | None = 0
    with torch.inference_mode():
        for images, labels in batches:
            with torch.autocast(images.device.type, half) if half is not None else nullcontext():
                logits = network(images)
            logits = logits.float()
            right.append(logits.argmax(1) == labels)
            loss = loss + F.cross_entropy(logits, labels, reduction="sum").double()
            if among_five is None or logits.shape[1] <= _FIVE:
                among_five = None
            else:
                among_five = among_five + (logits.topk(_FIVE, dim=1).indices == labels[:, None]).sum()
    network.train(was_training)
    correct = torch.cat(right).cpu().numpy()
    return Score(
        accuracy=100 * float(correct.sum()) / len(correct),
        cross_entropy=float(loss) / len(correct),
        correct=ImageBits.of(correct),
        top5_accuracy=None if among_five is None else 100 * int(among_five) / len(correct),
    )
