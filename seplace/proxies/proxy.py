"""What a proxy is, and how much it may spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from seplace.attention.options import Init
from seplace.errors import InputError
from seplace.placement import Placement
from seplace.study.recipe import Recipe


class Proxy(Protocol):
    """Scores placements of one study, the same number every time."""

    def score(self, placement: Placement) -> float:
        """Return the score, larger is better; -inf of a network that is dead or cannot be trained, never NaN."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much proxies may spend, and on what networks."""

    images: int
    """Training images of the minibatch that untrained networks see."""
    gate_init: Init
    """How the gates of untrained networks start; one that starts at one is not there yet, and hardly seen."""
    short_epochs: int
    """Epochs of a short training."""
    supernet_epochs: int
    """Epochs of the supernet's training, over all of its paths together."""
    recalibration_batches: int
    """Training batches from which a path of the supernet gets batch-norm statistics of its own."""

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
    """Return the recipe for another number of epochs, its schedule and warm-up in proportion."""
    warmup = recipe.warmup_epochs * epochs / recipe.epochs
    return recipe.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})
