"""The protocol of a proxy, and the effort that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from seplace.attention.options import Init
from seplace.errors import InputError
from seplace.placement import Placement
from seplace.study.recipe import Recipe


class Proxy(Protocol):
    """A deterministic score of the placements of a study."""

    def score(self, placement: Placement) -> float:
        """Return the score, larger is better; -inf for a network that is dead or cannot be trained, never NaN."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The effort of proxies, and the start of their networks."""

    images: int
    """The number of training images in the minibatch for untrained networks."""
    gate_init: Init
    """How the gates of untrained networks start; one that starts at 1 has hardly an effect."""
    short_epochs: int
    """The epochs of a short training."""
    supernet_epochs: int
    """The epochs of the supernet's training, for all paths together."""
    recalibration_batches: int
    """The number of training batches that recompute the batch-norm statistics of a supernet's path."""

    @classmethod
    def usual(cls, epochs: int, *, gate_init: Init) -> Self:
        """Return the default effort in a study whose trainings have `epochs` epochs."""
        return cls(
            images=64,
            gate_init=gate_init,
            short_epochs=max(1, epochs // 3),
            supernet_epochs=epochs,
            recalibration_batches=8,
        )

    def __post_init__(self) -> None:
        for name in ("short_epochs", "supernet_epochs", "recalibration_batches"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1 (got {getattr(self, name)})")
        if self.images < 2:
            raise InputError(f"a proxy compares images: a minibatch has at least 2 (got {self.images})")


def rescaled(recipe: Recipe, *, epochs: int) -> Recipe:
    """Return the recipe with another number of epochs, and schedule and warm-up in proportion."""
    warmup = recipe.warmup_epochs * epochs / recipe.epochs
    return recipe.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})
