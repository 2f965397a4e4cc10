"""Sums over the factors of a placement, and over pairs of factors, as tables by level.

A factor is a place where a choice is made: each stage (or block), and the backbone where a space has several. A level
is the position of a choice in the list of its factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A sum over factors, and over pairs of factors, as tables by level."""

    shape: tuple[int, ...]
    """Levels of each factor in the space; tables may hold more, for baselines outside the space."""
    main: tuple[Floats, ...]
    pairs: Mapping[tuple[int, int], Floats]

    def everywhere(self) -> Floats:
        """Return the sums of every candidate of the space (candidates,), in the space's order."""
        total = np.zeros(self.shape)
        for factor, (table, count) in enumerate(zip(self.main, self.shape, strict=True)):
            total += _along(table[:count], len(self.shape), factor)
        for (first, second), table in self.pairs.items():
            total += _along(table[: self.shape[first], : self.shape[second]], len(self.shape), first, second)
        return total.ravel()

    @property
    def highest(self) -> float:
        """An upper bound on the sums of candidates, exact where the largest level of a factor is always the same."""
        return self._bound(np.max)

    @property
    def lowest(self) -> float:
        """A lower bound on the sums of candidates, exact where `highest` is."""
        return self._bound(np.min)

    def _bound(self, extreme: Callable[[Floats], Any]) -> float:
        main = [table[:count] for table, count in zip(self.main, self.shape, strict=True)]
        pairs = [table[: self.shape[first], : self.shape[second]] for (first, second), table in self.pairs.items()]
        return float(sum(extreme(table) for table in [*main, *pairs]))

    def at(self, levels: NDArray[np.int64]) -> Floats:
        """Return the sums (n,) at levels (n, factors)."""
        total = np.sum([table[levels[:, factor]] for factor, table in enumerate(self.main)], axis=0)
        for (first, second), table in self.pairs.items():
            total += table[levels[:, first], levels[:, second]]
        return np.asarray(total, dtype=float)

    def for_factor(self, factor: int, levels: NDArray[np.int64]) -> Floats:
        """Return how the sums change with the level of one factor: (n, levels of the factor), the others fixed."""
        count = self.shape[factor]
        change = np.repeat(self.main[factor][None, :count], len(levels), axis=0)
        for (first, second), table in self.pairs.items():
            if first == factor:
                change += table[:count, levels[:, second]].T
            elif second == factor:
                change += table[levels[:, first], :count]
        return change


def _along(table: Floats, dimensions: int, *axes: int) -> Floats:
    """Return a table as an array with a number of dimensions, its axes at `axes`, that broadcasts over the others."""
    shape = [1] * dimensions
    for axis, length in zip(axes, table.shape, strict=True):
        shape[axis] = length
    return table.reshape(shape)
