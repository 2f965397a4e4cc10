"""The memory that the trainings of a run take, beside what this machine has."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Room:
    """The memory of trainings that run at once: of a GPU where they run on one, else of the machine."""

    each: int
    """The most bytes that a training has held, with all that its process holds beside."""
    workers: int
    gpus: int
    """0 where trainings run on the CPU."""
    free: int | None
    """The bytes that are free for all of them on one device; None where it is not known."""

    @property
    def sharing(self) -> int:
        """The trainings at once on one device."""
        return math.ceil(self.workers / max(self.gpus, 1))

    @property
    def sentence(self) -> str:
        """Return how much memory a training takes, how much all take, and how much is free."""
        where = "of a GPU" if self.gpus else "of this machine"
        together = f", {self.sharing} at once {_gb(self.sharing * self.each)}" if self.sharing > 1 else ""
        free = "" if self.free is None else f"; {_gb(self.free)} {where} are free"
        return f"memory: {_gb(self.each)} a training{together}{free}"

    @property
    def warning(self) -> str:
        """Return a sentence where the memory will not suffice; empty where it will, or where that is not known."""
        if self.free is None or self.sharing * self.each <= self.free:
            return ""
        fit = max(self.free // self.each, 1) * max(self.gpus, 1)
        advice = (
            f"run with --workers {fit}" if self.sharing > 1 else "take a smaller batch_size, or training: accumulate"
        )
        return (
            f"{self.workers} training{'s' if self.workers > 1 else ''} at once will not fit into memory: "
            f"{_gb(self.each)} each, and {_gb(self.free)} are free{' on each GPU' if self.gpus > 1 else ''}; {advice}"
        )


def _gb(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count < 1e10 else f"{count / 1e9:.0f} GB"
