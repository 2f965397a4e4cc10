"""Rungs: which trainings stop early, and which stopped ones go on, by what was told in order and nothing else.

A rung is a number of epochs, read on the schedule of the full length. Successive halving, asynchronous (Li et al.,
2020), within bands of equal cost: the best third by accuracy of a band goes on. Without bands cheap placements, which
nothing dominates, would always go on. Only first trainings of a placement, all on one seed, meet rungs: a further seed
is asked for by who knows the first.

A rung is on probation first, and again at each new pair: it stops nothing unless its ranks are known to tell the ranks
at the end, by trainings that no rung selected. The baselines and a tenth of the proposals are therefore never stopped.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import kendalltau

from seplace.costs import main_count
from seplace.effects.priced_space import PricedSpace, cost_tables
from seplace.seeds import derive_seed

if TYPE_CHECKING:
    from seplace.placement import Placement
    from seplace.samplers.task import Task

FIRST_SEED = 0
"""The seed of first trainings."""

LEAST_PAIRS = 10
"""With fewer pairs of accuracies, at the rung and at the end, a rung stops nothing."""

LEAST_TAU = 0.3
"""Below this a rung stops nothing: of two trainings it would put the worse one first in more than 35 of 100 cases."""

_SURE = 1.645
"""Below so many standard deviations of the tau of unrelated rankings, which 5 in 100 exceed, a rung stops nothing.

That is 0.41 for 10 pairs; from 17 pairs on LEAST_TAU is more.
"""

_NEVER_STOPPED = 0.1
_PROMOTED = 1 / 3
_BANDS = 4
_BAND_SAMPLE = 20_000


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What is known of a rung."""

    pairs: int
    """Trainings that no rung selected, with an accuracy at the rung and at the end."""
    tau: float
    """Kendall's tau-b of both; NaN where it is not defined."""

    @property
    def is_on(self) -> bool:
        """Whether the rung may stop trainings."""
        if self.pairs < LEAST_PAIRS:
            return False
        chance = math.sqrt(2 * (2 * self.pairs + 5) / (9 * self.pairs * (self.pairs - 1)))
        return self.tau >= max(LEAST_TAU, _SURE * chance)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A stopped training that is to go on."""

    placement: Placement
    target: int
    """The epochs at which it is looked at next."""
    cost: int
    """The epochs until then."""


def trust_in(early: Sequence[float], late: Sequence[float]) -> Trust:
    """Return what pairs of accuracies, at a rung and at the end, say of the rung."""
    tau = float(kendalltau(early, late).statistic) if len(early) > 1 else math.nan
    return Trust(pairs=len(early), tau=tau)


def expected_end(accuracy: float, early: Sequence[float], late: Sequence[float]) -> float:
    """Return the accuracy that a stopped training is expected to have at the end, from pairs of other trainings.

    Least squares of end on rung, the slope kept between 0 and 1: further apart than at the rung nothing is told to be.
    """
    x, y = np.array(early), np.array(late)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 0.0
    return float(y.mean() + min(max(slope, 0.0), 1.0) * (accuracy - x.mean()))


class Bands:
    """Quarters of a space by exact FLOPs."""

    def __init__(self, task: Task) -> None:
        """Take the quartiles over the candidates that keep the counted limits; of a big space over a seeded sample."""
        self.cost_table = task.cost_table
        self.name = main_count(task.cost_table.names)
        count = len(task.space)
        if count > _BAND_SAMPLE:
            chosen = np.random.default_rng(derive_seed(task.seed, "bands")).integers(count, size=_BAND_SAMPLE)
        else:
            chosen = np.arange(count)
        flops = cost_tables(task.design, task.cost_table, self.name)
        priced_space = PricedSpace(task.design, flops, limits=task.limit_tables)
        levels = np.stack(np.unravel_index(chosen, priced_space.shape), axis=1)
        kept = levels[priced_space.keeps_limits(levels)]
        self.edges = np.quantile(flops.at(kept if len(kept) else levels), np.arange(1, _BANDS) / _BANDS)
        self._known: dict[Placement, int] = {}

    def of(self, placement: Placement) -> int:
        """Return the band of a placement, from 0 for the cheapest."""
        if placement not in self._known:
            self._known[placement] = int(np.searchsorted(self.edges, self.cost_table.costs_of(placement)[self.name]))
        return self._known[placement]


class Rungs:
    """Decides by the results that it is told, in their order. Accuracies are in percent."""

    def __init__(self, epochs: Sequence[int], *, length: int, bands: Bands | None, seed: int) -> None:
        """Take the rungs, rising, and the epochs of the full length; without rungs no bands are needed."""
        self.epochs = tuple(epochs)
        self.length = length
        self.seed = seed
        self._bands = bands
        self._early: dict[int, dict[Placement, float]] = {rung: {} for rung in self.epochs}
        """By rung: the accuracies there."""
        self._ends: dict[Placement, float] = {}
        self._selected: set[Placement] = set()
        self._stopped: dict[Placement, int] = {}
        """Where each stopped training stands, in the order in which they stopped."""
        self._trusts: dict[int, Trust] = {}

    def first_target(self, number: int) -> int:
        """Return the epochs to which the first training of proposal `number` runs before it is looked at."""
        draw = np.random.default_rng(derive_seed(self.seed, "never stopped", number)).random()
        return self.length if draw < _NEVER_STOPPED else self._next(0)

    def hear_rung(self, placement: Placement, rung: int, accuracy: float) -> int | None:
        """Take a result at a rung; return the epochs to which its training goes on, or None: it stops here."""
        self._early[rung][placement] = accuracy
        if not self.trust(rung).is_on:  # it has turned off meanwhile
            return self.length
        if placement not in self._best_third(rung):
            self.stop(placement, rung)
            return None
        self._selected.add(placement)
        return self._next(rung)

    def stop(self, placement: Placement, rung: int) -> None:
        """Leave a training where it stands."""
        self._selected.add(placement)
        self._stopped[placement] = rung

    def hear_end(self, placement: Placement, accuracy: float, curve: Mapping[int, float]) -> None:
        """Take the result of a first training that was not stopped, with its accuracies by epoch."""
        self._ends[placement] = accuracy
        self._trusts.clear()
        for rung in self.epochs:
            self._early[rung].setdefault(placement, curve[rung])

    def due(self) -> Due | None:
        """Return a stopped training that has come into the best third of its band: of the highest rung, the oldest."""
        for rung in reversed(self.epochs):
            waiting = [placement for placement, at in self._stopped.items() if at == rung]
            if waiting and self.trust(rung).is_on:
                best = self._best_third(rung)
                placement = next((each for each in waiting if each in best), None)
                if placement is not None:
                    target = self._next(rung)
                    return Due(placement=placement, target=target, cost=target - rung)
        return None

    def is_stopped(self, placement: Placement) -> bool:
        """Return whether the first training of a placement stands at a rung."""
        return placement in self._stopped

    def go_on(self, placement: Placement) -> int:
        """Take a training from where it stopped; return the epochs that it has."""
        return self._stopped.pop(placement)

    def expected(self, rung: int, accuracy: float) -> float:
        """Return the accuracy that a training stopped at a rung is expected to have at the end."""
        known = self._early[rung]
        both = [placement for placement in self._ends if placement in known]
        return expected_end(accuracy, [known[each] for each in both], [self._ends[each] for each in both])

    def trust(self, rung: int) -> Trust:
        """Return what is known of a rung by the trainings that were never stopped nor chosen to go on."""
        if rung not in self._trusts:
            fair = [placement for placement in self._ends if placement not in self._selected]
            early = [self._early[rung][each] for each in fair]
            self._trusts[rung] = trust_in(early, [self._ends[each] for each in fair])
        return self._trusts[rung]

    def to_fact(self) -> dict[str, Any]:
        """Return what is known of the rungs, as plain JSON types."""
        known = {rung: self.trust(rung) for rung in self.epochs}
        return {
            "stopped": len(self._stopped),
            "rungs": [
                {
                    "epochs": rung,
                    "stopped": list(self._stopped.values()).count(rung),
                    "on": trust.is_on,
                    "tau": None if math.isnan(trust.tau) else round(trust.tau, 4),
                    "pairs": trust.pairs,
                }
                for rung, trust in known.items()
            ],
        }

    def _next(self, reached: int) -> int:
        """Return the next epochs at which a training is looked at."""
        return next((rung for rung in self.epochs if rung > reached and self.trust(rung).is_on), self.length)

    def _best_third(self, rung: int) -> set[Placement]:
        """Return the placements than which fewer than a third of their band's results at a rung are better."""
        assert self._bands is not None
        early = self._early[rung]
        by_band: dict[int, list[Placement]] = defaultdict(list)
        for placement in early:
            by_band[self._bands.of(placement)].append(placement)
        best: set[Placement] = set()
        for candidates in by_band.values():
            lowest = sorted((early[each] for each in candidates), reverse=True)[
                math.ceil(_PROMOTED * len(candidates)) - 1
            ]
            best |= {each for each in candidates if early[each] >= lowest}
        return best
