"""The design of the model: placements as rows of a regression, and its coefficients as tables over choices.

A factor is a place where a choice is made: each stage (or block), and the backbone where a space has several. Effects
are relative to `none` in the same place. A column belongs to one factor, to all of them (the effect of a module in any
stage), or to the modules of two. The last columns are the covariates: scores that are known of every placement before
any is trained, whose weight is one more coefficient.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.effects.level_tables import Tables
from seplace.effects.regression import Scale
from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from seplace.space import SearchSpace

_RATIO_LENGTH = 2.0
"""Length scale of the effect of a reduction ratio, in octaves."""

_COMMON = 1.0
"""Standard deviation that the logarithms of all effects' scales share: without an effect of attention all are small."""

_MOST_PAIR_COLUMNS = 400
"""With more pairs of modules, interactions are learned between neighboring stages only."""


def _effect(median: float) -> Scale:
    return Scale(median=median, common=_COMMON)


SCALES = {
    "attention": _effect(0.4),
    "attention in its stage": _effect(0.3),
    "module": _effect(0.4),
    "module in its stage": _effect(0.4),
    "ratio": _effect(0.2),
    "ratio in its stage": _effect(0.15),
    "attachment": _effect(0.2),
    "attachment in its stage": _effect(0.2),
    "choice": _effect(0.15),
    "pair": _effect(0.15),
    "pair of modules": _effect(0.2),
    "plain": Scale(median=0.15),
    "private": Scale(median=0.15),
    "backbone": Scale(median=1.0),
    "seed": Scale(median=0.4),
    "seed x backbone": Scale(median=2.0, spread=0.5),
    "seed x choice": Scale(median=0.15),
    "covariate": Scale(median=0.3),
}
"""The prior of the scale of each kind of effect, in units of the spread of all scores.

`seed x backbone` is the effect of a seed on one of several backbones, whose networks share no weights: on one seed all
that backbones differ by may be its doing. `seed x choice` is that on a choice in a stage. `plain` is what the networks
without attention miss the sum of effects by, so that gains over them do not rest on that sum. `private` is the effect
of a placement beside those of its choices. Its scale shares nothing with the others: otherwise placements that differ,
but not by a sum of effects, would be taken for noise where choices have little effect.
"""


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Columns for two factors together: products of an indicator of each level of the one and of the other."""

    first: int
    second: int
    first_shown: Floats
    """(levels of the first, a)."""
    second_shown: Floats
    """(levels of the second, b)."""
    columns: NDArray[np.int64]
    """(a, b)."""


class Design:
    """The columns of a space, with columns also for choices of baselines that the space does not have."""

    def __init__(self, space: SearchSpace, *, covariates: Mapping[str, Tables] = MappingProxyType({})) -> None:
        self.space = space
        self.covariates = covariates
        marks = list(space.baselines.values())
        self.variants = list(space.backbones)
        self.stages: list[dict[StageChoice, int]] = []
        """For each stage the level of each choice, those of the space first."""
        for stage, listed in enumerate(space.choices):
            choices = dict.fromkeys([*listed, StageChoice(), *(mark.choices[stage] for mark in marks)])
            self.stages.append({choice: level for level, choice in enumerate(choices)})
        self.shape = (len(self.variants), *map(len, space.choices))
        """Levels of each factor in the space, those of the backbone first."""
        self._names: list[str] = []
        self._main: list[dict[int, Floats]] = [{} for _ in self.shape]
        self._pairs: list[_Pair] = []
        self._add_backbones()
        self._add_modules()
        self._add_ratios()
        self._add_attachments()
        self._add_choices()
        self._add_pairs()
        width = len(self._names)
        levels = [len(self.variants), *map(len, self.stages)]
        self._tables = [np.zeros((count, width)) for count in levels]
        for table, columns in zip(self._tables, self._main, strict=True):
            for column, values in columns.items():
                table[:, column] = values

    @property
    def groups(self) -> list[str]:
        """The kind of effect of each column; each covariate, in the last columns, is a kind of its own."""
        return [*self._names, *map(_kind_of_covariate, self.covariates)]

    @property
    def scales(self) -> dict[str, Scale]:
        """The prior of each kind. Each covariate has a scale of its own, since not all are informative."""
        return SCALES | {_kind_of_covariate(name): SCALES["covariate"] for name in self.covariates}

    def levels(self, placements: Sequence[Placement]) -> NDArray[np.int64]:
        """Return the level of each factor: (placements, factors).

        Raises KeyError or ValueError for a choice or a backbone that the design does not have.
        """
        rows = [
            [
                self.variants.index(placement.variant),
                *(known[choice] for known, choice in zip(self.stages, placement.choices, strict=True)),
            ]
            for placement in placements
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, len(self.shape))

    def rows(self, levels: NDArray[np.int64]) -> Floats:
        """Return the rows (n, columns) of placements given by their levels (n, factors)."""
        rows = np.zeros((len(levels), len(self._names)))
        for table, level in zip(self._tables, levels.T, strict=True):
            rows += table[level]
        for pair in self._pairs:
            first = pair.first_shown[levels[:, pair.first]]
            second = pair.second_shown[levels[:, pair.second]]
            products = first[:, :, None] * second[:, None, :]
            rows[:, pair.columns.ravel()] += products.reshape(len(levels), pair.columns.size)
        return np.column_stack([rows, *(tables.at(levels) for tables in self.covariates.values())])

    def tables(self, coefficients: Floats) -> Tables:
        """Return the effects of coefficients (columns,) on each level and on each pair of levels."""
        pairs: dict[tuple[int, int], Floats] = {}
        for pair in self._pairs:
            table = pair.first_shown @ coefficients[pair.columns] @ pair.second_shown.T
            key = (pair.first, pair.second)
            pairs[key] = pairs[key] + table if key in pairs else table
        effects, weights = np.split(coefficients, [len(self._names)])
        main = [table @ effects for table in self._tables]
        for weight, covariate in zip(weights, self.covariates.values(), strict=True):
            main = [table + weight * more for table, more in zip(main, covariate.main, strict=True)]
            for key, table in covariate.pairs.items():
                pairs[key] = pairs[key] + weight * table if key in pairs else weight * table
        return Tables(shape=self.shape, main=tuple(main), pairs=pairs)

    def seed_columns(self, levels: NDArray[np.int64], seeds: Sequence[int | None]) -> tuple[Floats, list[str]]:
        """Return what a seed does to trainings on it: columns (n, columns), and the kind of each.

        `levels` (n, factors) are those of the trainings, `seeds` theirs; the row of a training
        without a seed is zero. A choice has a column on a seed if several trainings hold it there, and not all: one
        alone is noise.
        """
        columns: list[NDArray[np.bool_]] = []
        kinds: list[str] = []
        for seed in sorted({each for each in seeds if each is not None}):
            on_seed = np.array([each == seed for each in seeds])
            columns.append(on_seed)
            kinds.append("seed")
            if len(self.variants) > 1:
                shown = [on_seed & (levels[:, 0] == level) for level in np.unique(levels[on_seed, 0])]
                columns += shown
                kinds += ["seed x backbone"] * len(shown)
            for known, column in zip(self.stages, levels[:, 1:].T, strict=True):
                attended = on_seed & (column != known[StageChoice()])
                shown = [on_seed & (column == level) for level in np.unique(column[attended])]
                shown = [each for each in shown if 1 < each.sum() < on_seed.sum()]
                columns += shown
                kinds += ["seed x choice"] * len(shown)
        return np.array(columns, dtype=float).reshape(len(columns), len(levels)).T, kinds

    # The kinds of effects

    def _column(self, name: str, parts: Iterable[tuple[int, Floats]]) -> None:
        """Add a column that holds `values` by level in each factor of `parts`, unless all are zero."""
        shown = [(factor, values) for factor, values in parts if values.any()]
        if not shown:
            return
        for factor, values in shown:
            self._main[factor][len(self._names)] = values
        self._names.append(name)

    def _holding(self, stage: int, module: str) -> Floats:
        """Return 1 for the levels of a stage (from 0) with a module, 0 for the others."""
        return np.array([float(choice.module == module) for choice in self.stages[stage]])

    def _add_backbones(self) -> None:
        for level in range(1, len(self.variants)):
            self._column("backbone", [(0, np.eye(len(self.variants))[level])])

    def _add_modules(self) -> None:
        """Add columns for any module, anywhere and in its stage, and for each module beyond that."""
        stages = range(len(self.stages))
        if len(self._modules()) > 1:
            attended = [1.0 - self._holding(stage, "none") for stage in stages]
            if len(self.stages) > 1:
                self._column("attention", list(enumerate(attended, start=1)))
            for stage in stages:
                self._column("attention in its stage", [(stage + 1, attended[stage])])
        for module in self._modules():
            shown = [self._holding(stage, module) for stage in stages]
            present = [stage for stage in stages if shown[stage].any()]
            if len(present) > 1:
                self._column("module", [(stage + 1, shown[stage]) for stage in present])
            for stage in present:
                self._column("module in its stage", [(stage + 1, shown[stage])])

    def _add_ratios(self) -> None:
        for module in self._modules():
            listed = {each.ratio for stage in self.stages for each in stage if each.module == module}
            ratios = sorted(ratio for ratio in listed if ratio is not None)
            if len(ratios) < 2:
                continue
            for curve in _smooth_curves(ratios):
                height = dict(zip(ratios, curve.tolist(), strict=True))
                parts = [
                    (number, np.array([_height(height, each) if each.module == module else 0.0 for each in stage]))
                    for number, stage in enumerate(self.stages, start=1)
                ]
                if sum(values.any() for _, values in parts) > 1:
                    self._column("ratio", parts)
                for number, values in parts:
                    if len(set(values[values != 0])) > 1:  # one ratio alone is no more than its module
                        self._column("ratio in its stage", [(number, values)])

    def _add_attachments(self) -> None:
        """Add columns for the attachments of a module after its first one."""
        shown: dict[str, list[tuple[int, Floats]]] = {}
        private: list[tuple[int, Floats]] = []
        for number, stage in enumerate(self.stages, start=1):
            for module in self._modules():
                attachments = list(dict.fromkeys(each.attachment for each in stage if each.module == module))
                for attachment in attachments[1:]:
                    values = np.array(
                        [float(each.module == module and each.attachment == attachment) for each in stage]
                    )
                    shown.setdefault(attachment, []).append((number, values))
                    private.append((number, values))
        for parts in shown.values():
            summed = {number: np.sum([values for at, values in parts if at == number], axis=0) for number, _ in parts}
            if len(parts) > 1:
                self._column("attachment", summed.items())
        for part in private:
            self._column("attachment in its stage", [part])

    def _add_choices(self) -> None:
        """Add a column for each choice whose module has other choices in its stage, by ratio or attachment."""
        for number, stage in enumerate(self.stages, start=1):
            modules = [choice.module for choice in stage]
            for level, choice in enumerate(stage):
                if choice.module != "none" and modules.count(choice.module) > 1:
                    self._column("choice", [(number, np.eye(len(stage))[level])])

    def _add_pairs(self) -> None:
        modules = self._modules()
        shown: list[Floats] = [np.eye(len(self.variants))[:, 1:]]
        for stage in range(len(self.stages)):
            columns = [self._holding(stage, module) for module in modules]
            present = [column for column in columns if column[: self.shape[stage + 1]].any()]
            shown.append(np.stack(present, axis=1) if present else np.zeros((len(self.stages[stage]), 0)))
        if len(self.stages) > 1:
            together = np.array([[self._new_columns("pair", 1)[0]]])
            for first, second in itertools.combinations(range(1, len(shown)), 2):
                attended = [1.0 - self._holding(factor - 1, "none")[:, None] for factor in (first, second)]
                self._add_pair(first, second, attended[0], attended[1], columns=together)
        couples = list(itertools.combinations(range(len(shown)), 2))
        if sum(shown[first].shape[1] * shown[second].shape[1] for first, second in couples) > _MOST_PAIR_COLUMNS:
            couples = [(first, second) for first, second in couples if first == 0 or second == first + 1]
        if sum(shown[first].shape[1] * shown[second].shape[1] for first, second in couples) > _MOST_PAIR_COLUMNS:
            couples = []
        for first, second in couples:
            size = (shown[first].shape[1], shown[second].shape[1])
            if size[0] * size[1]:
                own = self._new_columns("pair of modules", size[0] * size[1]).reshape(size)
                self._add_pair(first, second, shown[first], shown[second], columns=own)

    def _add_pair(
        self, first: int, second: int, first_shown: Floats, second_shown: Floats, *, columns: NDArray[np.int64]
    ) -> None:
        self._pairs.append(
            _Pair(first=first, second=second, first_shown=first_shown, second_shown=second_shown, columns=columns)
        )

    def _new_columns(self, name: str, count: int) -> NDArray[np.int64]:
        start = len(self._names)
        self._names += [name] * count
        return np.arange(start, start + count)

    def _modules(self) -> list[str]:
        modules = dict.fromkeys(choice.module for stage in self.stages for choice in stage)
        return [module for module in modules if module != "none"]


def _smooth_curves(ratios: Sequence[int]) -> Floats:
    """Return curves over log2 r of mean zero (curves, ratios): with N(0, 1) weights their sum is a Gaussian process."""
    at = np.log2(np.array(ratios, dtype=float))
    kernel = np.exp(-0.5 * ((at[:, None] - at) / _RATIO_LENGTH) ** 2)
    centering = np.eye(len(at)) - 1 / len(at)
    values, vectors = np.linalg.eigh(centering @ kernel @ centering)
    kept = values > 0.01 * values.max()
    scale = np.sqrt(values[kept].sum() / len(at))  # the curve's root mean square is 1
    curves: Floats = (vectors[:, kept] * np.sqrt(values[kept])).T / scale
    return curves


def _kind_of_covariate(name: str) -> str:
    return f"covariate {name}"


def _height(curve: Mapping[int, float], choice: StageChoice) -> float:
    return 0.0 if choice.ratio is None else curve[choice.ratio]
