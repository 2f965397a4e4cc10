"""How much a search trains, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seplace.errors import InputError

_WAITING = 8
"""The most workers that wait for the baselines before a search begins, whose first proposals know their results."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budget of a search, in trainings or in hours, and how it is spent. Raises InputError for an invalid one."""

    length: int
    """The epochs of a whole training."""
    trainings: int | None = None
    """Whole trainings of the baselines and the search together; None where the budget is in hours."""
    hours: float | None = None
    """Hours of the search, without the confirmation, and without the baselines unless the search overlaps them."""
    rungs: tuple[int, ...] = ()
    """Epochs, rising and fewer than `length`, after which a training may be stopped; see seplace.search.rungs."""
    stop: Literal["budget", "settled"] = "budget"
    """`settled` ends the search early once the expected hypervolume regret of the front is small."""
    workers: int = 1
    """Trainings that run at once: a proposal is made without the results of those that are running."""
    confirm_trainings: int = 0
    """The most further trainings that confirm the front; 0 leaves the confirmation out."""
    confirm_seeds: int = 0
    """The most seeds that the confirmation trains a placement on, those of the search included."""

    def overlaps(self, baselines: int) -> bool:
        """Return whether the search begins while the baselines train, given their number, so that no worker waits."""
        return self.workers > max(_WAITING, baselines)

    def __post_init__(self) -> None:
        if (self.trainings is None) == (self.hours is None):
            raise InputError("the budget is either trainings or hours")
        amounts = {"length": self.length, "workers": self.workers, "trainings": self.trainings, "hours": self.hours}
        for name, amount in amounts.items():
            if amount is not None and not amount > 0:
                raise InputError(f"{name} of a budget must be greater than 0 (got {amount})")
        if list(self.rungs) != sorted(set(self.rungs)) or any(not 1 <= rung < self.length for rung in self.rungs):
            raise InputError(
                f"rungs must rise, from 1 to less than the {self.length} epochs of a training (got {self.rungs})"
            )
        if self.rungs and self.trainings is None:
            raise InputError("rungs need a budget of trainings: which training goes on must not depend on the clock")
