"""The model of the scores of a space: from observations to a posterior over all placements."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from seplace.arrays import Floats, ImageBits
from seplace.effects.design import SCALES, Design
from seplace.effects.images import ImageVariance, image_variance
from seplace.effects.level_tables import Tables
from seplace.effects.regression import Columns, Draw, Regression, Residual, Scale
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.sample_scores import Samples, SampleScores
from seplace.score_unit import ScoreUnit

_NOISE = Scale(median=0.6)
_INTERCEPT_SD = 10.0

_LEAST_SPREAD = 0.005
"""The least spread of scores, as a share of their mean: equal scores do not show that there is no noise."""

_LEAST_POINTS = 1e-3
"""The least spread of accuracies in points."""

_CONFIDENCE = 0.99
"""The confidence of the upper bound on the spread of scores, for metrics of the user's own."""

_LEAST_SHARE = 0.03
"""The least share of the variance of scores that is taken not to come from the images."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The result of one training, as the model takes it."""

    placement: Placement
    seed: int | None
    """Trainings on one seed are paired; None for a training that is paired with no other."""
    score: float
    """The value of the metric, or its negative where it is minimized: larger is better."""
    cross_entropy: float | None = None
    """In nats, on the same images; None where it is not known."""
    correct: ImageBits | None = None
    """Which validation images it got right; None where that is not known."""
    sample_scores: SampleScores | None = None
    """The metric of each validation sample, where it is not accuracy; None where that is not known."""

    @property
    def samples(self) -> Samples | None:
        """What is known of each validation sample."""
        return self.sample_scores if self.correct is None else self.correct


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Scores of all placements: the posterior mean, or a posterior sample."""

    intercept: float
    effects: Tables
    private: Floats
    """What each observed placement has beside the effects of its choices."""
    observed_levels: NDArray[np.int64]
    """(observed placements, factors)."""
    position: Mapping[tuple[int, ...], int]
    """The position of each observed placement, by its levels."""

    def everywhere(self) -> Floats:
        """Return the scores of every candidate of the space (candidates,), in the space's order."""
        values = self.intercept + self.effects.everywhere()
        shape = np.array(self.effects.shape)
        inside = (self.observed_levels < shape).all(axis=1)
        values[np.ravel_multi_index(tuple(self.observed_levels[inside].T), tuple(shape))] += self.private[inside]
        return values

    def at(self, levels: NDArray[np.int64]) -> Floats:
        """Return the scores (n,) of placements given by their levels (n, factors)."""
        position = self.position
        private = np.append(self.private, 0.0)  # the last is that of placements that were not observed
        extra = private[[position.get(tuple(row), -1) for row in levels.tolist()]]
        return np.asarray(self.intercept + self.effects.at(levels) + extra)

    def observed(self) -> Floats:
        """Return the scores of the observed placements, in the order of the posterior."""
        return self.intercept + self.effects.at(self.observed_levels) + self.private


def images_of(design: Design, observations: Sequence[Observation]) -> ImageVariance | None:
    """Estimate the variance over images from the observations that say which images they got right; None without any.

    Of splits of several sizes it is that of the latest. In place of images may be samples with scores.
    """
    known = [(each, each.samples) for each in observations if each.samples is not None]
    latest = known[-1][1] if known else None
    known = [(each, samples) for each, samples in known if _is_like(samples, latest)]
    if not known:
        return None
    return image_variance(
        design,
        [each.placement for each, _ in known],
        [each.seed for each, _ in known],
        [samples for _, samples in known],
    )


def _is_like(samples: Samples, latest: Samples | None) -> bool:
    return latest is not None and samples.count == latest.count and type(samples) is type(latest)


class Posterior:
    """The posterior of the scores of all placements of a space, each expected over seeds and images.

    The images are those of the validation split alone where their variance is not known.
    """

    def __init__(
        self,
        design: Design,
        observations: Sequence[Observation],
        *,
        draws: int,
        random: np.random.Generator,
        images: ImageVariance | None = None,
        robust: bool = False,
        metric: Metric = ACCURACY,
    ) -> None:
        """Learn from at least one observation; `draws` sets of scales represent their posterior.

        With `images` it is about all images. For statements, a `robust` one lets seeds change the effects of choices,
        and the plain backbone lie beside the sum of effects; to choose trainings by, it would take too long. A `metric`
        of the user's own may have any scale.
        """
        self.design = design
        self.random = random
        unit = ScoreUnit.of(metric, [each.score for each in observations])
        scores = unit.counts(np.array([each.score for each in observations]))
        center = float(scores.mean())
        self._center = unit.size * center
        self.placements = list(dict.fromkeys(each.placement for each in observations))
        """The observed placements, in order of appearance."""
        position = {placement: at for at, placement in enumerate(self.placements)}
        self._placement_of = np.array([position[each.placement] for each in observations])
        self.levels = design.levels(self.placements)
        self._position = {tuple(row): at for at, row in enumerate(self.levels.tolist())}
        known = ImageVariance.none(len(design.groups)) if images is None else images.counted_in(unit)
        rows = design.rows(self.levels)
        is_backbone = np.array([kind == "backbone" for kind in design.groups])  # with one seed images explain all
        explaining = np.where(is_backbone, 0.0, rows)[self._placement_of] if known.columns.any() else rows
        spread = _spread_of(scores, known, explaining, metric)
        self._unit_of_scale = unit.size * spread
        self._y = (scores - center) / spread
        seeds = [each.seed for each in observations]
        by_seed, seed_kinds = design.seed_columns(self.levels[self._placement_of], seeds)
        if not robust:
            shared = [at for at, kind in enumerate(seed_kinds) if kind != "seed x choice"]
            by_seed, seed_kinds = by_seed[:, shared], [seed_kinds[at] for at in shared]
        ones = np.ones((len(observations), 1))
        self._is_plain = np.array(
            [float(robust and all(choice.module == "none" for choice in each.choices)) for each in self.placements]
        )
        plain = self._is_plain[self._placement_of, None]
        plain = plain[:, plain.any(axis=0)]
        self._rows = np.hstack([ones, rows[self._placement_of], plain, by_seed])
        self._effects = slice(1, 1 + len(design.groups))
        names = [*design.groups, *["plain"] * plain.shape[1], *seed_kinds]
        self.kinds = list(dict.fromkeys(names))
        floors = np.concatenate([[known.base], known.columns, np.zeros(len(names) - len(design.groups))])
        self._columns = Columns(
            group=np.array([-1, *map(self.kinds.index, names)]),
            scales=tuple(design.scales[kind] for kind in self.kinds),
            fixed_scale=_INTERCEPT_SD,
            floors=floors / spread**2,
        )
        regression = Regression(
            self._rows,
            self._y,
            self._placement_of,
            self._columns,
            noise=Residual(prior=_NOISE, floor=known.training / spread**2),
            unit_effect=Residual(prior=SCALES["private"], floor=known.placement / spread**2),
        )
        self.draws: list[Draw] = regression.draws(draws, random)
        self._weights = [draw.weight for draw in self.draws]
        self._mean: Surface | None = None

    @property
    def noise_sd(self) -> float:
        """The standard deviation of one training about the score of its placement on its seed."""
        return self._unit_of_scale * float(np.dot(self._weights, [draw.noise_sd for draw in self.draws]))

    def drawing(self, random: np.random.Generator, *, scales: int) -> Posterior:
        """Return the same posterior that draws from `random`; with one scale, from a set of scales drawn by weight."""
        other = copy.copy(self)
        other.random = random
        if scales == 1:
            drawn = self.draws[random.choice(len(self.draws), p=self._weights)]
            other.draws, other._weights, other._mean = [replace(drawn, weight=1.0)], [1.0], None
        return other

    def mean(self) -> Surface:
        """Return the posterior mean."""
        if self._mean is None:
            self._mean = self._computed_mean()
        return self._mean

    def _computed_mean(self) -> Surface:
        coefficients = np.sum([draw.weight * draw.kept * draw.mean for draw in self.draws], axis=0)
        private = np.sum(
            [draw.weight * draw.unit_kept * self._private(draw, draw.mean)[0] for draw in self.draws], axis=0
        )
        return self._surface(coefficients, private)

    def sample(self) -> Surface:
        """Draw a posterior sample, without private effects of placements that were not observed."""
        draw = self.draws[self.random.choice(len(self.draws), p=self._weights)]
        coefficients = draw.sample(self.random)
        mean, sd = self._private(draw, coefficients)
        private = mean + sd * self.random.standard_normal(len(mean))
        return self._surface(
            draw.without_floors(coefficients, self.random), draw.private_without_floor(private, self.random)
        )

    def sample_effects(self) -> Tables:
        """Draw the effects of a posterior sample: those that `sample` would draw, without its private effects."""
        draw = self.draws[self.random.choice(len(self.draws), p=self._weights)]
        coefficients = draw.sample(self.random)
        self.random.standard_normal(len(self.placements))  # so that all further draws are those after `sample`
        effects = draw.without_floors(coefficients, self.random)
        draw.private_without_floor(np.zeros(len(self.placements)), self.random)
        return self.design.tables(self._unit_of_scale * effects[self._effects])

    def sample_at(
        self,
        levels: NDArray[np.int64],
        count: int,
        *,
        random: np.random.Generator | None = None,
        own_random: np.random.Generator | None = None,
        among: NDArray[np.intp] | None = None,
    ) -> Floats:
        """Draw the scores of placements by their levels (n, factors), shape (count, n).

        Private effects of placements that were not observed are drawn with `own_random`, and left out without it. With
        a `random` in the same state all other draws are the same, whichever placements are asked for together.
        Thousands of draws of few placements take as long as a few surfaces. Draws of one set of scales stand together.
        Where very many are observed, `among` says which of them, by position, are drawn; others count as not observed.
        """
        random = self.random if random is None else random
        rows = np.hstack([np.ones((len(levels), 1)), self.design.rows(levels)])
        observed_at = np.array([self._position.get(tuple(row), -1) for row in levels.tolist()])
        counts = np.bincount(self._placement_of)
        placement_of, y, data, is_plain = self._placement_of, self._y, self._rows, self._is_plain
        if among is not None:
            place = np.full(len(counts) + 1, -1)  # the last for what is not observed
            place[among] = np.arange(len(among))
            taken = place[placement_of] >= 0
            placement_of, y, data = place[placement_of[taken]], y[taken], data[taken]
            observed_at, counts, is_plain = place[observed_at], counts[among], is_plain[among]
        drawn = []
        for draw, share in zip(self.draws, random.multinomial(count, self._weights), strict=True):
            normal = random.standard_normal((len(draw.mean), share))
            coefficients = draw.mean[:, None] + draw.root @ normal
            residuals = np.zeros((len(counts), share))
            np.add.at(residuals, placement_of, y[:, None] - data @ coefficients)
            noise, own = draw.noise_sd**2, draw.unit_sd**2
            total = (noise + counts * own)[:, None]
            sd = np.sqrt(own * noise / total)
            private = own * residuals / total + sd * random.standard_normal(residuals.shape)
            private = draw.private_without_floor(private, random)
            coefficients = draw.without_floors(coefficients, random)
            private += self._plain_effects(coefficients, is_plain)
            values = rows @ coefficients[: rows.shape[1]]
            values[observed_at >= 0] += private[observed_at[observed_at >= 0]]
            if own_random is not None:
                others = observed_at < 0
                own_sd = draw.unit_sd * np.sqrt(draw.unit_kept)
                values[others] += own_sd * own_random.standard_normal((others.sum(), share))
            drawn.append(values)
        samples: Floats = self._center + self._unit_of_scale * np.concatenate(drawn, axis=1).T
        return samples

    def spread(self, draw: Draw, levels: NDArray[np.int64]) -> Floats:
        """Return a vector for each placement (n, columns): their products are covariances under one set of scales.

        They are in the units of the draw's `noise_sd`, without private effects.
        """
        rows = np.hstack([np.ones((len(levels), 1)), self.design.rows(levels)])
        spread: Floats = rows @ draw.root[: rows.shape[1]]
        return spread

    def sample_weights(self, count: int, *, random: np.random.Generator) -> Floats:
        """Draw the effect of one unit of each covariate in points: (count, covariates)."""
        weights = slice(self._effects.stop - len(self.design.covariates), self._effects.stop)
        drawn = [  # they have no known part: a score is the same on all images
            draw.mean[weights, None] + draw.root[weights] @ random.standard_normal((len(draw.mean), share))
            for draw, share in zip(self.draws, random.multinomial(count, self._weights), strict=True)
        ]
        samples: Floats = self._unit_of_scale * np.concatenate(drawn, axis=1).T
        return samples

    def left_out(self) -> Floats:
        """Return the leave-one-out prediction of each observation (n,), at the scales learned from all observations.

        With C the covariance of all observations y, the prediction of y[i] is y[i] - (C^-1 y)[i] / (C^-1)[i, i].
        """
        same = self._placement_of[:, None] == self._placement_of
        expected = np.zeros_like(self._y)
        for draw in self.draws:
            scaled = self._rows * self._columns.sd(np.log(draw.group_sd))
            covariance = scaled @ scaled.T + draw.unit_sd**2 * same + draw.noise_sd**2 * np.eye(len(same))
            inverse = np.linalg.inv(covariance)
            expected += draw.weight * (self._y - inverse @ self._y / np.diag(inverse))
        return self._center + self._unit_of_scale * expected

    def _surface(self, coefficients: Floats, private: Floats) -> Surface:
        return Surface(
            intercept=self._center + self._unit_of_scale * float(coefficients[0]),
            effects=self.design.tables(self._unit_of_scale * coefficients[self._effects]),
            private=self._unit_of_scale * (private + self._plain_effects(coefficients, self._is_plain)),
            observed_levels=self.levels,
            position=self._position,
        )

    def _plain_effects(self, coefficients: Floats, is_plain: Floats) -> Floats:
        """Return what the plain networks miss the sum of effects by: (placements, ...), 0 for all others."""
        shape = (-1, *[1] * (coefficients.ndim - 1))
        effect = coefficients[self._effects.stop] if self._is_plain.any() else np.zeros(coefficients.shape[1:])
        return is_plain.reshape(shape) * effect

    def _private(self, draw: Draw, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return mean and sd of the private effect of each observed placement, given the coefficients."""
        counts = np.bincount(self._placement_of)
        residuals = np.bincount(self._placement_of, weights=self._y - self._rows @ coefficients)
        noise, private = draw.noise_sd**2, draw.unit_sd**2
        total = noise + counts * private
        return private * residuals / total, np.sqrt(private * noise / total)


def _spread_of(scores: Floats, images: ImageVariance, rows: Floats, metric: Metric) -> float:
    """Return the spread of scores that their images do not explain: the unit of the priors' scales."""
    explained = float((images.columns * rows.var(axis=0)).sum()) + images.placement + images.training
    spread = float(np.sqrt(max(scores.var() - explained, _LEAST_SHARE * max(scores.var(), explained))))
    least = _LEAST_SPREAD * abs(float(scores.mean()))
    if metric.is_accuracy:
        return max(spread, least, _LEAST_POINTS)
    if np.ptp(scores) > 0:
        # A metric may be far from 0 on all placements: a share of its mean may exceed any spread that scores allow.
        freedom = len(scores) - 1
        least = min(least, float(np.std(scores, ddof=1)) * math.sqrt(freedom / float(chdtri(freedom, _CONFIDENCE))))
    return max(spread, least) or 1.0
