"""Two studies on the same candidates side by side: whether what wins in one wins in the other.

Each study has estimates of its own metric, in its own unit. A placement that one of them did not train is estimated
there from the effects of its choices.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.arrays import Floats
from seplace.errors import DataError, InputError
from seplace.interval import UNKNOWN, Interval
from seplace.metric import Metric
from seplace.placement import Placement
from seplace.rank_correlation import kendall, signs
from seplace.results.verdict import counted

if TYPE_CHECKING:
    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.effects.estimates import Estimates
    from seplace.space import SearchSpace

_MOST = 400
"""The most candidates of a space whose ranks are compared; of a larger one as many are taken, evenly spaced."""

_DRAWS = 400
"""The pairs of posterior samples, one of each study, over which the rank correlation is averaged."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two studies."""

    name: str
    space: SearchSpace
    estimates: Estimates
    baselines: Mapping[str, Placement]
    recommended: Sequence[Placement]
    """The recommended front of the space, trained or not."""
    cost: str
    """The name of its cost axis."""
    cost_table: CostTable
    metric: Metric

    @property
    def unit(self) -> str:
        """The unit of a gain and its metric, such as `points of mIoU`."""
        return " of ".join(filter(None, [self.metric.gain_unit, self.metric.label]))

    @property
    def plain(self) -> Placement:
        """The plain backbone."""
        return self.baselines["plain"]

    @cached_property
    def winner(self) -> Placement:
        """The front point with the highest estimate; the plain backbone where nothing is estimated above it.

        It is called so where it `has_won`, and else the best.
        """
        estimates = self.estimates
        front = [*estimates.front, self.plain]
        return max(front, key=lambda placement: estimates.means[estimates.position[placement]])

    @cached_property
    def has_won(self) -> bool:
        """Whether the winner is shown to be better than the plain backbone at 95 %, as the verdict means it."""
        return self.winner in self.estimates.surely_better(self.plain)

    def gains(self, placements: Sequence[Placement]) -> Floats:
        """Return draws of gains over the plain backbone: (samples, placements); NaN for what is not known here."""
        known = [each for each in placements if each in self.space or each in self.estimates.position]
        scores = self.estimates.foreseen([*known, self.plain])
        gains = np.full((len(scores), len(placements)), np.nan)
        gains[:, [placements.index(each) for each in known]] = scores[:, :-1] - scores[:, -1:]
        return gains

    def extra_cost(self, placement: Placement) -> float:
        """Return what a placement costs over the plain backbone; NaN for a cost that is measured, not counted."""
        costs, plain = (self.cost_table.costs_of(each) for each in (placement, self.plain))
        return costs[self.cost] - plain[self.cost] if self.cost in costs else math.nan

    def number(self, gain: Interval) -> str:
        """Return a gain with its interval, without a unit."""
        return self.metric.interval(gain, signed=True)

    def said(self, gain: Interval) -> str:
        """Return a gain with its unit."""
        return f"{self.number(gain)} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two studies on the same candidates."""

    one: Side
    other: Side

    def __post_init__(self) -> None:
        for side in (self.one, self.other):
            if side.plain not in side.estimates.position:
                raise DataError(f"{side.name}: the plain backbone was not trained, so that there are no gains")
        if problem := _space_problem(self.one, self.other):
            raise InputError(
                f"{self.one.name} and {self.other.name} do not choose among the same placements, so that no winner can "
                f"be carried over: {problem}"
            )

    @property
    def metric(self) -> Metric:
        """The metric by which the table is written: accuracy where both studies have it."""
        return self.other.metric if self.one.metric.is_accuracy else self.one.metric

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a placement, cheapest first: the winners, what both recommend, and the trained baselines.

        `gain_one` and `gain_other` with their intervals are the gains in the two studies, `n_one` and `n_other` the
        seeds; with no seed a gain is estimated from the effects of the choices. `extra_one` and `extra_other` are the
        costs over the plain backbone, each on the cost axis of the study.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = [
            {"placement": str(placement), "mark": ", ".join(named)} for placement, named in self._marks.items()
        ]
        for side, name in ((self.one, "one"), (self.other, "other")):
            for row, placement in zip(rows, self._marks, strict=True):
                row |= self.gain(placement, side).columns(f"gain_{name}")
                row |= {f"n_{name}": side.estimates.seeds.get(placement, 0)}
                row |= {f"extra_{name}": side.extra_cost(placement)}
        return pd.DataFrame(rows).sort_values(["extra_one", "gain_one"], kind="stable", ignore_index=True)

    def gain(self, placement: Placement, side: Side) -> Interval:
        """Return the estimate of a listed placement's gain over the plain backbone in one of the studies."""
        gains = self._draws[side is self.other][:, self._position[placement]]
        return UNKNOWN if np.isnan(gains).any() else Interval.of_draws(gains)

    def difference(self, one: Placement, other: Placement, side: Side) -> Interval:
        """Return the estimate of one listed placement minus another in one of the studies."""
        draws, position = self._draws[side is self.other], self._position
        return Interval.of_draws(draws[:, position[one]] - draws[:, position[other]])

    @cached_property
    def _marks(self) -> dict[Placement, list[str]]:
        """Return the placements of the table, each with why it is there; A is the first study, and B the other."""
        sides = {"A": self.one, "B": self.other}
        marks: dict[Placement, list[str]] = defaultdict(list)
        for verb, chosen in (
            ("wins", {name: [side.winner] for name, side in sides.items() if side.has_won}),
            ("best in", {name: [side.winner] for name, side in sides.items() if not side.has_won}),
            ("recommended by", {name: side.recommended for name, side in sides.items()}),
        ):
            for placement in dict.fromkeys(each for some in chosen.values() for each in some):
                names = [name for name, some in chosen.items() if placement in some]
                marks[placement].append(f"{verb} {' and '.join(names)}")
        for name, placement in {**self.other.baselines, **self.one.baselines}.items():
            if any(placement in side.estimates.position for side in sides.values()):
                marks[placement].append(name)
        return marks

    @cached_property
    def _position(self) -> dict[Placement, int]:
        return {placement: at for at, placement in enumerate(self._marks)}

    @cached_property
    def _draws(self) -> list[Floats]:
        """The draws of the gains of all listed placements in both studies, so that every number is of the same."""
        return [side.gains(list(self._marks)) for side in (self.one, self.other)]

    @cached_property
    def candidates(self) -> list[Placement]:
        """The candidates whose ranks are compared."""
        space = self.one.space
        count = min(len(space), _MOST)
        return [space.placement_at(at * len(space) // count) for at in range(count)]

    @cached_property
    def tau(self) -> Interval:
        """Kendall's tau between the estimates of the candidates: posterior mean and 90 % credible interval.

        It is that of samples of both posteriors, so that what a study does not know about its candidates draws it
        towards zero and widens the interval.
        """
        one, other = (side.estimates.foreseen(self.candidates) for side in (self.one, self.other))
        random = np.random.default_rng(0)
        # Both studies draw from the same random numbers: in another order, their draws have nothing in common.
        pairs = zip(one[:_DRAWS], random.permutation(other)[:_DRAWS], strict=True)
        weights = np.ones((1, len(self.candidates)))
        return Interval.of_draws(np.array([kendall(signs(a), signs(b), weights)[0] for a, b in pairs]))

    @property
    def in_both(self) -> int:
        """The number of candidates that both studies trained."""
        return sum(
            placement in self.other.estimates.position and placement in self.one.space
            for placement in self.one.estimates.position
        )

    @property
    def sentences(self) -> list[str]:
        """What becomes of each winner in the other study, and how alike both rank the candidates."""
        return [*self._winners(), self._ranks()]

    def _winners(self) -> list[str]:
        one, other = self.one, self.other
        if one.winner == other.winner:
            if one.winner == one.plain:
                return ["In neither study is any placement estimated above the plain backbone."]
            gains = " and ".join(f"{side.said(self.gain(side.winner, side))} in {side.name}" for side in (one, other))
            shown = [side.name for side in (one, other) if side.has_won]
            if len(shown) == 2:
                return [f"Both studies have the same winner, {one.winner}: it gains {gains}."]
            where = f"only {shown[0]} shows" if shown else "neither shows"
            return [
                f"Both studies have the same best placement, {one.winner}, which {where} to be better than the plain "
                f"backbone: it gains {gains}."
            ]
        return [self._carried(one, other), self._carried(other, one)]

    def _carried(self, source: Side, target: Side) -> str:
        """Say what the winner of one study gains in the other, beside the winner of that."""
        winner, own = source.winner, target.winner
        of_own = f"{own}, gains {target.number(self.gain(own, target))}"
        its = "its own winner" if target.has_won else "its own best"
        if winner == source.plain:
            unit = target.unit
            return f"The winner of {source.name} is the plain backbone; in {target.name} {its}, {of_own} {unit}."
        there = " (not trained there)" if winner not in target.estimates.position else ""
        of_winner = f"{winner} ({source.said(self.gain(winner, source))})"
        gained = f"The winner of {source.name}, {of_winner},"
        if not source.has_won:
            gained = f"The best of {source.name}, {of_winner}, is not shown to be better than the plain backbone; it"
        gained += f" gains {target.said(self.gain(winner, target))} in {target.name}{there}"
        if own == target.plain:
            return f"{gained}, where the plain backbone wins: nothing is estimated above it."
        lead = self.difference(own, winner, target)
        if 0 in lead:
            verdict = "the two cannot be told apart there"
        else:
            verdict = f"{own if lead.value > 0 else winner} is better there"
        return f"{gained}, where {its}, {of_own}: {verdict} (difference {target.number(lead)})."

    def _ranks(self) -> str:
        said = "they rank placements alike" if self.tau.lower > 0 else "whether they rank placements alike is not shown"
        if self.tau.upper < 0:
            said = "they rank placements the other way round"
        whole = "all" if len(self.candidates) == len(self.one.space) else "evenly spaced"
        return (
            f"Kendall's tau between the estimates of both studies: {self.tau:+.2f} over {whole} "
            f"{len(self.candidates):,} candidates, {self.in_both:,} of them trained in both: {said}."
        )


def _space_problem(one: Side, other: Side) -> str:
    """Say what the spaces of two studies do not have in common; empty where their placements are the same."""
    spaces = (one.space, other.space)
    noun = spaces[0].backbone.granularity
    if len(spaces[0].choices) != len(spaces[1].choices) or noun != spaces[1].backbone.granularity:
        counts = [counted(len(space.choices), space.backbone.granularity) for space in spaces]
        return f"{one.name} has {counts[0]}, {other.name} {counts[1]}"
    for number, (mine, theirs) in enumerate(zip(spaces[0].choices, spaces[1].choices, strict=True), start=1):
        if problem := _only(mine, theirs, one=one, other=other):
            return f"{noun} {number} has {problem}"
    if problem := _only(list(spaces[0].backbones)[1:], list(spaces[1].backbones)[1:], one=one, other=other):
        return f"there is the backbone {problem}"
    return ""


def _only(mine: Iterable[object], theirs: Iterable[object], *, one: Side, other: Side) -> str:
    """Return what only one of two sides has, and which; empty where both have the same."""
    first, second = ([str(each) for each in some] for some in (mine, theirs))
    parts = [
        f"{', '.join(each for each in own if each not in rest)} only in {side.name}"
        for own, rest, side in ((first, second, one), (second, first, other))
        if set(own) - set(rest)
    ]
    return " and ".join(parts)
