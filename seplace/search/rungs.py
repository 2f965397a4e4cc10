"""Rungs: which trainings stop early, and which stopped ones go on. Decided by the results, in their order, alone.

A rung is a number of epochs on the learning-rate schedule of the full length. The rule is asynchronous successive
halving (Li et al., 2020, arXiv:1810.05934) within bands of equal cost: the best third of a band by score goes on.
Without bands cheap placements, which are always non-dominated, would always go on. Only the first training of each
placement, on one common seed, can stop at a rung.

A rung is on only after a rank correlation check, repeated at each new result: scores at the rung must rank
trainings as scores at the end do, over trainings that no rung selected. The baselines and a tenth of the proposals
are therefore never stopped.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.costs import main_count
from seplace.effects.priced_space import PricedSpace, cost_tables
from seplace.seeds import derive_seed

if TYPE_CHECKING:
    from seplace.placement import Placement
    from seplace.samplers.task import Task

FIRST_SEED = 0
"""The seed of the first training of a placement."""

LEAST_PAIRS = 10
"""The fewest trainings, with scores at the rung and at the end, with which a rung stops any."""

LEAST_TAU = 0.3
"""The least Kendall tau with which a rung stops trainings: below, it misorders more than 35 % of pairs."""

_SURE = 1.645
"""The least tau in standard deviations of the tau of unrelated rankings; these exceed it in 5 % of cases.

That is 0.41 for 10 trainings; from 17 trainings on LEAST_TAU is greater.
"""

_NEVER_STOPPED = 0.1
_PROMOTED = 1 / 3
_BANDS = 4
_BAND_SAMPLE = 20_000


@dataclass(frozen=True, kw_only=True)
class RankCheck:
    """The rank correlation check of a rung."""

    pairs: int
    """The number of trainings that no rung selected, with a score at the rung and at the end."""
    tau: float
    """Kendall's tau-b of both scores; NaN if it is undefined."""

    @property
    def is_on(self) -> bool:
        """Whether the rung may stop trainings."""
        if self.pairs < LEAST_PAIRS:
            return False
        chance = math.sqrt(2 * (2 * self.pairs + 5) / (9 * self.pairs * (self.pairs - 1)))
        return self.tau >= max(LEAST_TAU, _SURE * chance)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A stopped training that goes on."""

    placement: Placement
    target: int
    """The epochs at which it may stop next."""
    cost: int
    """The epochs until then."""


def check_ranks(early: Sequence[float], late: Sequence[float]) -> RankCheck:
    """Return the rank correlation check of a rung from scores there and at the end."""
    from scipy.stats import kendalltau  # takes half a second to import

    tau = float(kendalltau(early, late).statistic) if len(early) > 1 else math.nan
    return RankCheck(pairs=len(early), tau=tau)


def expected_end(score: float, early: Sequence[float], late: Sequence[float]) -> float:
    """Return the score that a stopped training is expected to reach at the end, from those of other trainings.

    By least squares of the end on the rung, with a slope from 0 to 1, so that differences never grow.
    """
    x, y = np.array(early), np.array(late)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 0.0
    return float(y.mean() + min(max(slope, 0.0), 1.0) * (score - x.mean()))


class Bands:
    """Quarters of a space by exact FLOPs."""

    def __init__(self, task: Task) -> None:
        """Take the quartiles over the candidates that keep the counted limits, in a large space over a sample."""
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
    """Decides which trainings stop and go on, by the results in their order. Larger scores are better."""

    def __init__(self, epochs: Sequence[int], *, length: int, bands: Bands | None, seed: int) -> None:
        """Take the rungs, rising, and the epochs of the full length; without rungs no bands are needed."""
        self.epochs = tuple(epochs)
        self.length = length
        self.seed = seed
        self._bands = bands
        self._early: dict[int, dict[Placement, float]] = {rung: {} for rung in self.epochs}
        """The scores by rung."""
        self._ends: dict[Placement, float] = {}
        self._selected: set[Placement] = set()
        self._stopped: dict[Placement, int] = {}
        """The rung of each stopped training, in the order in which they stopped."""
        self._checks: dict[int, RankCheck] = {}

    def first_target(self, number: int) -> int:
        """Return the epochs at which the first training of proposal `number` may stop first."""
        draw = np.random.default_rng(derive_seed(self.seed, "never stopped", number)).random()
        return self.length if draw < _NEVER_STOPPED else self._next(0)

    def add_at_rung(self, placement: Placement, rung: int, score: float) -> int | None:
        """Add a result at a rung. Return the epochs to which its training goes on, or None if it stops here."""
        self._early[rung][placement] = score
        if not self.check(rung).is_on:  # it has been turned off meanwhile
            return self.length
        if placement not in self._best_third(rung):
            self.stop(placement, rung)
            return None
        self._selected.add(placement)
        return self._next(rung)

    def stop(self, placement: Placement, rung: int) -> None:
        """Stop a training at a rung."""
        self._selected.add(placement)
        self._stopped[placement] = rung

    def add_at_end(self, placement: Placement, score: float, curve: Mapping[int, float]) -> None:
        """Add the result of a first training at its end, with its scores by epoch."""
        self._ends[placement] = score
        self._checks.clear()
        for rung in self.epochs:
            self._early[rung].setdefault(placement, curve[rung])

    def due(self) -> Due | None:
        """Return the stopped training that goes on next: at the highest rung, the oldest in its band's best third."""
        for rung in reversed(self.epochs):
            waiting = [placement for placement, at in self._stopped.items() if at == rung]
            if waiting and self.check(rung).is_on:
                best = self._best_third(rung)
                placement = next((each for each in waiting if each in best), None)
                if placement is not None:
                    target = self._next(rung)
                    return Due(placement=placement, target=target, cost=target - rung)
        return None

    def is_stopped(self, placement: Placement) -> bool:
        """Return whether the first training of a placement is stopped at a rung."""
        return placement in self._stopped

    def go_on(self, placement: Placement) -> int:
        """Let a stopped training go on. Return the epochs that it has been trained."""
        return self._stopped.pop(placement)

    def expected(self, rung: int, score: float) -> float:
        """Return the score that a training stopped at a rung is expected to reach at the end."""
        known = self._early[rung]
        both = [placement for placement in self._ends if placement in known]
        return expected_end(score, [known[each] for each in both], [self._ends[each] for each in both])

    def check(self, rung: int) -> RankCheck:
        """Return the rank correlation check of a rung, over the trainings that no rung selected."""
        if rung not in self._checks:
            fair = [placement for placement in self._ends if placement not in self._selected]
            early = [self._early[rung][each] for each in fair]
            self._checks[rung] = check_ranks(early, [self._ends[each] for each in fair])
        return self._checks[rung]

    def to_fact(self) -> dict[str, Any]:
        """Return the state of the rungs as plain JSON types."""
        checks = {rung: self.check(rung) for rung in self.epochs}
        return {
            "stopped": len(self._stopped),
            "rungs": [
                {
                    "epochs": rung,
                    "stopped": list(self._stopped.values()).count(rung),
                    "on": check.is_on,
                    "tau": None if math.isnan(check.tau) else round(check.tau, 4),
                    "pairs": check.pairs,
                }
                for rung, check in checks.items()
            ],
        }

    def _next(self, reached: int) -> int:
        """Return the epochs at which a training may stop next."""
        return next((rung for rung in self.epochs if rung > reached and self.check(rung).is_on), self.length)

    def _best_third(self, rung: int) -> set[Placement]:
        """Return the placements that are in the best third of their band at a rung."""
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
