"""The variance of scores over images: a validation split is a sample, and no seed makes it larger.

Let c(p, s, i) be 1 where placement p, trained on seed s, gets image i right, and pi(p, i) its mean over seeds. On V
images the score of p misses that on all images by an error that every seed shares; its covariance between
placements is Cov_i[pi(p, i), pi(q, i)] / V. Trainings on two different seeds show it without bias: for s != t,
Cov_i[c(p, s, i), c(q, t, i)] has this expectation. On one seed it also holds what the seed does to single images, so
that it is an upper bound, and the variance of one training holds the chance of that training as well.

Placements differ in the columns of their design rows x. The covariance is pooled over choices as effects are:

    Cov_i[c(p, s, i), c(q, t, i)] = base + columns * x(p) W x(q)' + placement * [p = q]     for s != t

with a column's prior variance on the diagonal of W. The columns of backbones have a factor of their own.

Where the metric is not accuracy, c(p, s, i) is the score of sample i, in place of 0 or 100 points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.placement import Placement
from seplace.sample_scores import Samples, SampleScores
from seplace.score_unit import ScoreUnit

_BLOCKS = 10
"""Blocks of images whose estimates give the standard errors."""

_UNSEEN = 0.5
"""The least number of images that two trainings disagree about: a small split may show none by chance."""

_IDENTIFIED = 1e-6
"""By how much a component may be mixed with others in the pairs, as a share, and still count as estimated."""


@dataclass(frozen=True, kw_only=True)
class ImageVariance:
    """Variances of the errors of a split in points squared: variances over images, divided by their number.

    Of another metric than accuracy they are in the square of its unit, and the images are samples.
    """

    images: int
    """The number of images."""
    base: float
    """Of the score of the plain backbone."""
    columns: Floats
    """Of the effect of each column of the design (columns,)."""
    placement: float
    """Of a placement beside its columns."""
    training: float
    """Of a single training: its images change by chance, and its score moves in steps."""

    @classmethod
    def none(cls, columns: int) -> Self:
        """Return no variance, for a design with a number of columns: scores are about the split itself."""
        zeros = np.zeros(columns)
        return cls(images=0, base=0.0, columns=zeros, placement=0.0, training=0.0)

    def counted_in(self, unit: ScoreUnit) -> ImageVariance:
        """Return the same variances in the square of a unit of scores."""
        if not unit.is_own:
            return self
        return ImageVariance(
            images=self.images,
            base=unit.variance(self.base),
            columns=np.array([unit.variance(each) for each in self.columns.tolist()]),
            placement=unit.variance(self.placement),
            training=unit.variance(self.training),
        )

    def difference(self, one: Floats, other: Floats) -> float:
        """Return the variance of the difference of two placements by their design rows (columns,)."""
        return float(self.columns @ (one - other) ** 2) + 2 * self.placement


def image_variance(
    design: Design, placements: Sequence[Placement], seeds: Sequence[int | None], samples: Sequence[Samples]
) -> ImageVariance:
    """Estimate the variances from at least one training: its placement, its seed, and the images that it got right.

    In place of the latter may be the score of each sample. Of one split all say the same.

    Each is the estimate plus one standard error, and at most its bound from trainings on one seed. Where no two seeds
    tell them apart, all that trainings on one seed disagree about is put down to the images.
    """
    images = samples[0].count
    weights = np.array([design.scales[kind].median ** 2 for kind in design.groups])
    weights[len(weights) - len(design.covariates) :] = 0.0
    is_backbone = np.array([kind == "backbone" for kind in design.groups])
    rows = design.rows(design.levels(placements))
    known = {placement: at for at, placement in enumerate(dict.fromkeys(placements))}
    unit = np.array([known[placement] for placement in placements])
    number = np.array([-1 - at if seed is None else seed for at, seed in enumerate(seeds)])
    pairs = _Pairs.of(
        samples,
        shared=[
            np.ones((len(unit), len(unit))),
            (rows * np.where(is_backbone, 0.0, weights)) @ rows.T,
            (rows * np.where(is_backbone, weights, 0.0)) @ rows.T,
        ],
        same_placement=unit[:, None] == unit,
        same_seed=number[:, None] == number,
    )
    found = pairs.components()
    factors = np.where(is_backbone, weights * found.backbone, weights * found.columns)
    step = 0.0 if isinstance(samples[0], SampleScores) else 100 / images
    return ImageVariance(
        images=images,
        base=found.base / images,
        columns=factors / images,
        placement=found.placement / images,
        training=max(found.training / images, step**2 / 12),
    )


@dataclass(frozen=True, kw_only=True)
class _Components:
    """The factors of the parts of a covariance over images, in points squared."""

    base: float
    columns: float
    backbone: float
    placement: float
    training: float


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    """A component with its standard error; infinite where no pair of trainings shows it."""

    value: float
    error: float

    def upper(self, bound: float) -> float:
        """Return the estimate plus one standard error, from 0 to a bound."""
        return bound if math.isinf(self.error) else min(max(self.value, 0.0) + self.error, bound)


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """The covariances of pairs of trainings over images, by least squares on what the two have in common."""

    shared: Sequence[Floats]
    """(trainings, trainings) each: ones, the products of rows, those of backbones."""
    same_placement: NDArray[np.bool_]
    same_seed: NDArray[np.bool_]
    images: int
    covariances: Sequence[Floats]
    """(trainings, trainings) each, in points squared: of all images, then of each block of them."""
    range_squared: float
    """The square of the range of one image's result: 100 points, or that of a score by its standard deviation."""

    @classmethod
    def of(
        cls,
        samples: Sequence[Samples],
        *,
        shared: Sequence[Floats],
        same_placement: NDArray[np.bool_],
        same_seed: NDArray[np.bool_],
    ) -> _Pairs:
        right, unit = _results_of(samples)
        right -= right.mean(axis=1, keepdims=True)
        images = right.shape[1]
        freedom = images / max(images - 1, 1)
        blocks = [right, *(right[:, at::_BLOCKS] for at in range(min(_BLOCKS, images)))]
        return cls(
            shared=shared,
            same_placement=same_placement,
            same_seed=same_seed,
            images=images,
            covariances=[_squared(unit, np.float32(freedom / block.shape[1]) * (block @ block.T)) for block in blocks],
            range_squared=1e4 if unit is None else 4 * unit**2,
        )

    def components(self) -> _Components:
        """Return the components: of different seeds, and their bounds from trainings on one seed."""
        above = np.triu(np.ones_like(self.same_seed), k=1)
        base, columns, backbone, placement = self._fitted(
            above & ~self.same_seed, [*self.shared, self.same_placement.astype(float)]
        )
        on_seed, on_seed_columns, on_seed_backbone = self._fitted(
            above & self.same_seed & ~self.same_placement, self.shared
        )
        alone = np.eye(len(self.same_seed), dtype=bool)
        variance = self._mean(alone)
        most_columns = _bound(on_seed_columns, columns)
        most_backbone = _bound(on_seed_backbone, backbone)
        rest = variance - most_columns * self._mean_of(alone, 1) - most_backbone * self._mean_of(alone, 2)
        # On one seed: what all trainings share, without it what pairs of seeds share.
        common = next((each.value for each in (on_seed, base) if math.isfinite(each.error)), 0.0)
        own = max(rest - max(common, 0.0), self.range_squared * _UNSEEN / 2 / self.images)
        of_placement = placement.upper(own)
        return _Components(
            base=max(base.value if math.isfinite(base.error) else common, 0.0) or variance,
            columns=columns.upper(most_columns),
            backbone=backbone.upper(most_backbone),
            placement=of_placement,
            training=own - of_placement,
        )

    def _fitted(self, where: NDArray[np.bool_], shared: Sequence[Floats]) -> list[_Estimate]:
        """Return the least-squares factor of each part of the covariances of some pairs."""
        features = np.array([each[where] for each in shared]).reshape(len(shared), -1)
        size = np.sqrt(np.square(features).sum(axis=1))
        is_shown = size > 0
        size[~is_shown] = 1.0
        features = features / size[:, None]
        normal = features @ features.T
        inverse = np.linalg.pinv(normal, rcond=_IDENTIFIED, hermitian=True)
        is_shown &= np.abs(np.diag(inverse @ normal) - 1) < math.sqrt(_IDENTIFIED)
        whole, *blocks = [inverse @ (features @ each[where]) / size for each in self.covariances]
        spread = np.std(blocks, axis=0, ddof=1) / math.sqrt(len(blocks)) if len(blocks) > 1 else np.abs(whole)
        return [
            _Estimate(value=float(value), error=float(error)) if shown else _Estimate(value=0.0, error=math.inf)
            for value, error, shown in zip(whole, spread, is_shown, strict=True)
        ]

    def _mean(self, where: NDArray[np.bool_]) -> float:
        return float(self.covariances[0][where].mean())

    def _mean_of(self, where: NDArray[np.bool_], part: int) -> float:
        return float(self.shared[part][where].mean())


def _results_of(samples: Sequence[Samples]) -> tuple[NDArray[np.float32], float | None]:
    """Return the results of all trainings (trainings, images), and their unit; None for points of accuracy.

    Scores are in units of their standard deviation over samples, so that single precision serves them on any scale.
    """
    scores = [each.unpacked() for each in samples if isinstance(each, SampleScores)]
    if len(scores) < len(samples):
        return 100 * np.array([each.unpacked() for each in samples], dtype=np.float32), None
    centred = [each - each.mean() for each in scores]
    size = math.sqrt(float(np.mean([float(np.square(each).mean()) for each in centred]))) or 1.0
    return np.array([each / size for each in centred], dtype=np.float32), size


def _squared(unit: float | None, covariances: NDArray[np.float32]) -> Floats:
    """Return covariances of results in the square of the metric's unit."""
    # Those of accuracy stay in float32, so that its results are what they were to the last digit.
    return covariances if unit is None else unit**2 * covariances.astype(np.float64)  # type: ignore[return-value]


def _bound(on_one_seed: _Estimate, on_different: _Estimate) -> float:
    """Return the most that a component can be: its estimate on one seed, plus one standard error."""
    known = [max(each.value, 0.0) + each.error for each in (on_one_seed, on_different) if math.isfinite(each.error)]
    return known[0] if known else 0.0
