"""Batches of proposals that share one fit of a model, so that no worker waits for a proposal.

Where trainings end faster than a model is fitted, a fit serves several proposals in turn. It knows the results that
were known when the batch began; each proposal adds the proposals before it as trainings that run. The size of a batch
follows from the number of workers and of results, never from the clock, so a search that goes on is the same search.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

_WORKERS = 8
"""Workers for each proposal of a batch: one of 256 shares its fit with 31 others. Up to this number none is shared."""

_RESULTS = 128
"""Results for each proposal of a batch: less than 1 % of them are new when the last proposal of a batch is made."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Proposals in a row that share a fit."""

    first: int
    """The number of its first proposal."""
    size: int
    unfinished: frozenset[int]
    """The numbers of the proposals before the first whose results were not known when the batch began."""


class Batches:
    """The batches of a search, one after the other."""

    def __init__(self, *, workers: int) -> None:
        """Take the number of trainings that run at once."""
        self.workers = workers
        self._last = Batch(first=0, size=0, unfinished=frozenset())

    def of(self, number: int, *, unfinished: Collection[int]) -> Batch:
        """Return the batch of the next proposal, given the earlier ones whose results are not known."""
        if number >= self._last.first + self._last.size:
            size = max(self.workers // _WORKERS, (number - len(unfinished)) // _RESULTS, 1)
            self._last = Batch(first=number, size=size, unfinished=frozenset(unfinished))
        return self._last
