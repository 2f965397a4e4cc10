"""Estimates of the placements that were trained: scores, the front, and probabilities of being better.

All come from one set of draws of the posterior, so that statements about several placements hold together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.effects.denoised import denoised
from seplace.effects.design import Design
from seplace.effects.images import ImageVariance
from seplace.effects.model import Observation, Posterior, images_of
from seplace.interval import Interval
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.score_unit import ScoreUnit

MOST = 5000
"""The most placements whose scores are drawn together: of 100,000 they would fill gigabytes."""

SURE = 0.95
"""The probability at which a verdict calls a placement better, for all comparisons together."""

_ALIKE = 3
"""The fewest trainings whose equal values are worth a sentence: two may be alike by chance."""

_SCALES = 24
_SAMPLES = 2000


class Estimates:
    """Posterior draws of the scores of all trained placements, and what follows from them.

    They are about new images of the same distribution where the trainings say which images they got right, else about
    the validation split alone: see `images`.
    """

    FEWEST_SEEDS: ClassVar[int] = 2
    """The fewest seeds on which both placements of a verdict must have been trained."""

    def __init__(
        self,
        design: Design,
        observations: Sequence[Observation],
        costs: Mapping[Placement, float],
        *,
        metric: Metric = ACCURACY,
        beside: Collection[Placement] = (),
        named: Collection[Placement] = (),
    ) -> None:
        """Learn from at least one observation; `costs` are those of the observed placements.

        The `metric` says what the scores are of; one of the user's own may have any scale.

        Placements `beside` the space are compared with the others, and never on the front. Where very many are
        observed, only those that may be on a front have estimates, and `named` ones.
        """
        self.metric = metric
        self.beside = frozenset(beside)
        self._observations = observations
        self.images = images_of(design, observations)
        """The variance over images; None where no training says which images it got right."""
        self.posterior = Posterior(
            design,
            observations,
            draws=_SCALES,
            random=np.random.default_rng(0),
            images=self.images,
            robust=True,
            metric=metric,
        )
        observed = self.posterior.placements
        self._among = None if len(observed) <= MOST else self._promising(costs, {*self.beside, *named})
        self.placements = observed if self._among is None else [observed[at] for at in self._among]
        """The placements that have estimates: all that were trained, or the MOST promising of them."""
        self.position = {placement: at for at, placement in enumerate(self.placements)}
        self.costs = np.array([costs[placement] for placement in self.placements])
        self.levels = self.posterior.levels if self._among is None else self.posterior.levels[self._among]
        self._drawn_from = deepcopy(self.posterior.random)
        self.scores: Floats = self.posterior.sample_at(self.levels, _SAMPLES, among=self._among)
        """(samples, placements)."""

    @property
    def trained(self) -> int:
        """The number of placements that were trained, with estimates or without."""
        return len(self.posterior.placements)

    @cached_property
    def only_value(self) -> float | None:
        """The value of a metric of the user's own that all of some trainings gave exactly; None where they differ."""
        known = {each.score for each in self._observations}
        is_worth_saying = not self.metric.is_accuracy and len(known) == 1 and len(self._observations) >= _ALIKE
        return self.metric.value(known.pop()) if is_worth_saying else None

    @property
    def trainings(self) -> int:
        """The number of trainings that the estimates are of."""
        return len(self._observations)

    @property
    def has_all(self) -> bool:
        """Whether all placements that were trained have estimates."""
        return self._among is None

    def _promising(self, costs: Mapping[Placement, float], named: Collection[Placement]) -> NDArray[np.intp]:
        """Return the positions of the observed placements that miss the front of posterior means by least.

        Those that are plain or `named` come on top of the MOST.
        """
        observed = self.posterior.placements
        means = self.posterior.mean().observed()
        order = np.lexsort((-means, np.array([costs[placement] for placement in observed])))
        is_candidate = np.array([placement not in self.beside for placement in observed])
        best = np.maximum.accumulate(np.where(is_candidate, means, -np.inf)[order])
        promising = order[np.argsort(best - means[order], kind="stable")[:MOST]]
        always = [at for at, each in enumerate(observed) if each.is_plain or each in named]
        return np.unique([*promising, *always])

    def foreseen(self, placements: Sequence[Placement]) -> Floats:
        """Return draws of the scores of placements, trained or not: (samples, placements).

        The draws of trained placements are those of `scores`.
        """
        levels = self.posterior.design.levels(placements)
        same, own = deepcopy(self._drawn_from), np.random.default_rng(0)
        return self.posterior.sample_at(levels, _SAMPLES, random=same, own_random=own, among=self._among)

    def guide(self) -> Posterior:
        """Return the posterior to choose placements by, learned from denoised scores; always the same.

        Estimates themselves are learned from scores.
        """
        return guide_of(self.posterior.design, self._observations, images=self.images, metric=self.metric)

    @cached_property
    def _is_candidate(self) -> NDArray[np.bool_]:
        return np.array([placement not in self.beside for placement in self.placements])

    @cached_property
    def seeds(self) -> Mapping[Placement, int]:
        """The number of seeds that each placement was trained on; a training without a seed counts as one."""
        seeds = {(each.placement, at if each.seed is None else each.seed) for at, each in enumerate(self._observations)}
        return Counter(placement for placement, _ in seeds)

    def comparable_with(self, other: Placement) -> list[Placement]:
        """Return the placements that a verdict compares with another: both need FEWEST_SEEDS seeds."""
        if self.seeds[other] < self.FEWEST_SEEDS:
            return []
        return [each for each in self.placements if each != other and self.seeds[each] >= self.FEWEST_SEEDS]

    @cached_property
    def means(self) -> Floats:
        """The mean score of each placement (placements,)."""
        return np.asarray(self.scores.mean(axis=0))

    def score(self, placement: Placement) -> Interval:
        """Return the estimate of a placement's score, expected over seeds and images."""
        return Interval.of_draws(self.scores[:, self.position[placement]])

    def difference(self, one: Placement, other: Placement) -> Interval:
        """Return the estimate of the score of one placement minus another's."""
        return Interval.of_draws(self.scores[:, self.position[one]] - self.scores[:, self.position[other]])

    def error_by_images(self, one: Placement, other: Placement) -> float:
        """Return the standard error in points that these images give a difference, by the two placements' trainings."""
        if self.images is None:
            return 0.0
        rows = self.posterior.design.rows(self.levels[[self.position[one], self.position[other]]])
        return math.sqrt(self.images.difference(rows[0], rows[1]))

    def error_by_trainings(self, one: Placement, other: Placement) -> float:
        """Return the standard error in points of a difference that more seeds of the two placements would lower."""
        return self.posterior.noise_sd * math.sqrt(1 / self.seeds[one] + 1 / self.seeds[other])

    def share_of_images(self, one: Placement, other: Placement) -> float:
        """Return the share of the error variance of a difference that no further training on these images lowers."""
        of_images = self.error_by_images(one, other) ** 2
        return of_images / (of_images + self.error_by_trainings(one, other) ** 2)

    def is_better(self, one: Placement, other: Placement) -> float:
        """Return the probability that one placement is more accurate than another."""
        return float((self.scores[:, self.position[one]] > self.scores[:, self.position[other]]).mean())

    @cached_property
    def front(self) -> list[Placement]:
        """The candidates that no other trained one dominates by mean score and cost, cheapest first."""
        order = self._by_cost(self.means)
        order = order[self._is_candidate[order]]
        best = np.maximum.accumulate(self.means[order])
        rises = np.concatenate([[True], best[1:] > best[:-1]])[: len(order)]
        return [self.placements[at] for at in order[rises]]

    @cached_property
    def front_probabilities(self) -> dict[Placement, float]:
        """P(non-dominated) of each placement: the probability that no other trained candidate dominates it."""
        order = np.argsort(self.costs, kind="stable")
        scores, costs = self.scores[:, order], self.costs[order]
        # Best of all that cost no more; of equal cost the better one stays.
        best = np.maximum.accumulate(np.where(self._is_candidate[order], scores, -np.inf), axis=1)
        last_of_cost = np.searchsorted(costs, costs, side="right") - 1
        on_front = scores >= best[:, last_of_cost]
        return {self.placements[at]: float(share) for at, share in zip(order, on_front.mean(axis=0), strict=True)}

    def surely_better(self, other: Placement) -> list[Placement]:
        """Return the placements that are better than another: all of them are, with probability SURE.

        The differences have a simultaneous credible band over all placements: in a share SURE of the draws no
        difference falls below its mean by more than a common number of its standard deviations. Placements that were
        trained on one seed are not compared: what the seed does to one of them is not known.
        """
        differences = self.scores - self.scores[:, [self.position[other]]]
        means, sds = differences.mean(axis=0), differences.std(axis=0)
        comparable = set(self.comparable_with(other))
        compared = (sds > 0) & np.array([placement in comparable for placement in self.placements])
        if not compared.any():
            return []
        shortfall = ((means - differences)[:, compared] / sds[compared]).max(axis=1)
        margin = float(np.quantile(shortfall, SURE))
        better = compared & (means > margin * sds)
        return [placement for placement, is_better in zip(self.placements, better, strict=True) if is_better]

    def best_no_dearer(self, placement: Placement, others: Sequence[Placement]) -> Placement | None:
        """Return the most accurate, by mean, of the `others` that cost no more than a placement; None without any."""
        cost = self.costs[self.position[placement]]
        known = [
            other
            for other in others
            if other in self.position and other != placement and self.costs[self.position[other]] <= cost
        ]
        return max(known, key=lambda other: self.means[self.position[other]], default=None)

    def _by_cost(self, values: Floats) -> NDArray[np.int64]:
        return np.lexsort((-values, self.costs))


def guide_of(
    design: Design, observations: Sequence[Observation], *, images: ImageVariance | None, metric: Metric = ACCURACY
) -> Posterior:
    """Learn the posterior to choose placements by: about all images, from denoised scores, and not robust.

    Scores of a metric of the user's own are in a unit of their own, so that choices are the same on every scale.
    On tabular benchmarks what a robust one recommends has a little less of the true hypervolume, and on landscapes no
    more: to doubt effects makes statements safe, and choices among placements not better.
    """
    random = np.random.default_rng(0)
    unit = ScoreUnit.of(metric, [each.score for each in observations])
    counted = [replace(each, score=unit.count(each.score)) for each in observations]
    return Posterior(
        design,
        denoised(design, counted),
        draws=_SCALES,
        random=random,
        images=None if images is None else images.counted_in(unit),
        metric=metric,
    )
