"""Figures of the test split with their standard errors: the test split is a sample of images as well.

Two questions are kept apart. A figure of a placement is about its accuracy expected over seeds and new images: the mean
over its tested seeds, whose variance has a part of the seeds, which falls with their number, and a part of the T
images, Var_i[pi(i)] / T with pi(i) the share of seeds that get image i right, which no seed makes smaller. A figure of
the weights of one training is their own accuracy p, whose standard error is sqrt(p (1 - p) / T).

The variances over images are estimated from pairs of seeds, so that the chance of a training is not counted twice. The
variance over seeds is pooled over the placements that were tested on several.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.interval import Interval
from seplace.results.pairing import unpaired_keys
from seplace.results.summaries import mean_and_error
from seplace.sample_scores import SampleScores, points_of

if TYPE_CHECKING:
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, EvaluationKey, TestValues
    from seplace.sample_scores import Samples


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its standard error, in the unit of the metric; NaN where they are not known."""

    value: float
    error: float
    seeds: int
    """The number of tested seeds that it is a mean of."""


NO_FIGURE = Figure(value=math.nan, error=math.nan, seeds=0)


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Gains on the validation split minus gains on the test split, in points: the mean over the points of a front."""

    points: int
    """The number of front points beside the plain backbone that were tested together with it."""
    seeds: tuple[int, int]
    """The fewest and the most seeds of a point."""
    estimated: Interval
    """Of the model's estimates: contains 0 where they hold. With a 90 % interval of both splits and of the seeds."""
    observed: Interval
    """Of the observed gains of the same trainings: how much too good the validation split looks to those who chose by
    it. With a 90 % interval of both splits."""


_Scores = Mapping[int, tuple[float, "Samples | None"]]
"""The score, and what is known of each image, by seed: of a placement on one split."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Sample:
    """Some trainings of a placement, or their differences to the plain backbone."""

    values: Floats
    """(seeds,), in percent or points."""
    images: NDArray[np.floating[Any]] | None
    """(seeds, images), whose means over images are the values but for their sign; None where they are not known."""

    def __sub__(self, other: _Sample) -> _Sample:
        images = None if self.images is None or other.images is None else self.images - other.images
        return _Sample(values=self.values - other.values, images=images)

    @cached_property
    def alone(self) -> float:
        """The variance over images of one training, the mean over trainings."""
        return math.nan if self.images is None else float(self.images.var(axis=1, ddof=1, dtype=np.float64).mean())

    @cached_property
    def shared(self) -> float:
        """The covariance over images of two trainings on different seeds; NaN for a single one."""
        count = len(self.values)
        if self.images is None or count < 2:
            return math.nan
        of_mean = float(self.images.mean(axis=0, dtype=np.float64).var(ddof=1))
        return max((count * of_mean - self.alone) / (count - 1), 0.0)

    @property
    def chance(self) -> float:
        """The variance over images of what a seed does to single images; at most this for a single training."""
        return self.alone - self.shared if len(self.values) > 1 else self.alone

    @property
    def count(self) -> int:
        """The number of images; 0 where they are not known."""
        return 0 if self.images is None else self.images.shape[1]


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """How trainings of one placement differ, pooled over placements; NaN where none has several seeds."""

    seeds: float
    """The variance over seeds on one split."""
    chance: float
    """The variance over images of what a seed does to single images: part of the former, divided by their number."""

    @classmethod
    def of(cls, samples: Iterable[_Sample]) -> _Spread:
        several = [sample for sample in samples if len(sample.values) > 1]
        if not several:
            return cls(seeds=math.nan, chance=math.nan)
        squares = sum(float(((each.values - each.values.mean()) ** 2).sum()) for each in several)
        chances = [each.chance for each in several if each.images is not None]
        freedom = sum(len(each.values) - 1 for each in several)
        return cls(seeds=squares / freedom, chance=float(np.mean(chances)) if chances else math.nan)

    def beyond_images(self, count: int) -> float:
        """Return the variance over seeds without what they do to single ones of some images; 0 where not known."""
        beyond = self.seeds - self.chance / count
        return max(beyond, 0.0) if math.isfinite(beyond) else 0.0

    def figure(self, sample: _Sample) -> Figure:
        """Return the mean of a sample with its standard error over seeds and images.

        Where the images are not known the error is that over seeds alone; where no placement has several seeds it is
        that over images alone.
        """
        count = len(sample.values)
        if not count:
            return NO_FIGURE
        value, error = mean_and_error(sample.values.tolist())
        if sample.images is not None:
            if count > 1:
                variance = sample.shared / sample.count + self.seeds / count
            else:
                variance = sample.alone / sample.count + self.beyond_images(sample.count)
            error = math.sqrt(variance)
        return Figure(value=value, error=error, seeds=count)


class BothSplits:
    """The trainings of a study that were scored on the test split as well as on the validation split."""

    def __init__(
        self,
        evaluations: Iterable[Evaluation],
        *,
        metric: Metric,
        tests: Mapping[EvaluationKey, TestValues],
        images: Mapping[EvaluationKey, Samples],
    ) -> None:
        """Take trainings, what the test split gave by key, and what is known of the test images.

        The latter is which of them each training got right, or the metric of each.
        """
        rows = [row for row in evaluations if row.key in tests and row.value is not None]
        self._unpaired = unpaired_keys(rows)
        has_images = len({each.count for each in images.values()}) == 1  # else the split was not always the same
        self.metric = metric
        self._validation: dict[Placement, dict[int, tuple[float, Samples | None]]] = defaultdict(dict)
        self._test: dict[Placement, dict[int, tuple[float, Samples | None]]] = defaultdict(dict)
        for row in rows:
            assert row.value is not None
            self._validation[row.placement][row.seed] = (metric.score(row.value), row.samples)
            right = images.get(row.key) if has_images else None
            self._test[row.placement][row.seed] = (metric.score(tests[row.key][0]), right)
        self.has_images = all(right is not None for scores in self._test.values() for _, right in scores.values())
        """Whether it is known of every tested training which test images it got right, or the metric of each."""
        self.plain = next((placement for placement in self._test if placement.is_plain), None)
        """The plain backbone; None where it was not tested."""

    def value(self, placement: Placement) -> Figure:
        """Return the metric of a placement on the test split, expected over seeds and new images."""
        figure = self._spread_of_scores.figure(_sample(self._test.get(placement, {})))
        return replace(figure, value=self.metric.value(figure.value))

    def gain(self, placement: Placement) -> Figure:
        """Return the test gain over the plain backbone in points, on the same seeds and images."""
        if placement == self.plain:
            return Figure(value=0.0, error=0.0, seeds=len(self._test[placement]))
        return self._spread_of_gains.figure(self._gains(self._test, placement))

    def of_weights(self, evaluation: Evaluation) -> Figure:
        """Return the metric of the weights of one training on the test split, with the standard error of the images."""
        score, images = self._test.get(evaluation.placement, {}).get(evaluation.seed, (math.nan, None))
        if isinstance(images, SampleScores):
            error = math.sqrt(float(images.unpacked().var(ddof=1)) / images.count) if images.count > 1 else math.nan
        else:
            share = score / 100
            error = math.nan if images is None else 100 * math.sqrt(share * (1 - share) / images.count)
        return Figure(value=self.metric.value(score), error=error, seeds=1)

    def observed_gap(self, placement: Placement) -> Figure:
        """Return the observed validation gain minus the test gain of the same trainings, in points.

        Its standard error is that of the images of both splits: the weights are the same.
        """
        validation, test = self._gains(self._validation, placement), self._gains(self._test, placement)
        seeds = len(test.values)
        if not seeds:
            return NO_FIGURE
        value = float((validation.values - test.values).mean())
        return Figure(value=value, error=math.sqrt(_of_images([validation]) + _of_images([test])), seeds=seeds)

    def gap(self, gains: Mapping[Placement, Floats], *, noise_sd: float) -> Gap | None:
        """Return validation gains minus test gains, the mean over the points of a front; None where it is not known.

        All points share the plain backbone and the images of both splits: the variances over images, `d` on the
        validation split and `t` on the test split, are those of the mean gain, image by image. For the observed gains
        their sum is all, since the weights are the same on both splits.

        The estimates are about other seeds, whose variance is `s` beyond what a seed does to single images, taken as if
        all points shared it. Where they follow what was observed, they differ from the test gains by the images; where
        they follow what was expected before, by the luck of the seeds that were tested. With p the posterior variance
        of the mean gain they follow what was observed to the share k = p / (s + d), and the variance of the difference
        is (1 - k) s + k d + t. (For a gain N(0, v) that is observed with an error of variance s + d, k is
        v / (v + s + d).)

        Args:
            gains: Posterior draws of the gain of each point in points; that of the plain backbone is left out.
            noise_sd: The standard deviation of one training on the validation split in points; trainings of one seed
                each say nothing of the seeds.

        """
        known = {
            placement: (self._gains(self._validation, placement), self._gains(self._test, placement))
            for placement in gains
            if placement != self.plain
        }
        points = {
            placement: (validation, test)
            for placement, (validation, test) in known.items()
            if validation.images is not None and test.images is not None
        }
        if not points:
            return None
        validations, tests = zip(*points.values(), strict=True)
        on_validation, on_test = _of_images(validations), _of_images(tests)
        chance = float(np.mean([each.chance / each.count for each in validations]))
        of_one_seed = max(self._spread_of_gains.beyond_images(tests[0].count), 2 * noise_sd**2 - chance, 0.0)
        of_seeds = of_one_seed * sum(share**2 for share in self._shares(points).values())
        estimates = np.mean([gains[placement] for placement in points], axis=0)
        before = of_seeds + on_validation
        followed = min(float(estimates.var()) / before, 1.0) if before else 1.0
        of_estimates = (1 - followed) * of_seeds + followed * on_validation + on_test
        on_average = {
            split: float(np.mean([each.values.mean() for each in samples]))
            for split, samples in (("validation", validations), ("test", tests))
        }
        counts = [len(test.values) for test in tests]
        return Gap(
            points=len(points),
            seeds=(min(counts), max(counts)),
            estimated=Interval.of_error(float(estimates.mean()) - on_average["test"], math.sqrt(of_estimates)),
            observed=Interval.of_error(
                on_average["validation"] - on_average["test"], math.sqrt(on_validation + on_test)
            ),
        )

    def _shares(self, points: Iterable[Placement]) -> dict[int, float]:
        """Return the share of each seed in the mean gain of some points."""
        shares: dict[int, float] = defaultdict(float)
        paired = [self._paired_seeds(placement) for placement in points]
        for seeds in paired:
            for seed in seeds:
                shares[seed] += 1 / (len(seeds) * len(paired))
        return shares

    @cached_property
    def _spread_of_scores(self) -> _Spread:
        return _Spread.of(_sample(scores) for scores in self._test.values())

    @cached_property
    def _spread_of_gains(self) -> _Spread:
        return _Spread.of(self._gains(self._test, each) for each in self._test if each != self.plain)

    def _paired_seeds(self, placement: Placement) -> list[int]:
        """Return the seeds on which a placement and the plain backbone were tested."""
        plain = {} if self.plain is None else self._test[self.plain]
        apart = {seed for text, seed, _ in self._unpaired if text == str(placement)} if self._unpaired else set()
        return sorted((self._test.get(placement, {}).keys() & plain.keys()) - apart)

    def _gains(self, split: Mapping[Placement, _Scores], placement: Placement) -> _Sample:
        """Return the differences to the plain backbone on a split, by seed."""
        seeds = self._paired_seeds(placement)
        if self.plain is None or not seeds:
            return _sample({})
        one, plain = (_sample({seed: split[each][seed] for seed in seeds}) for each in (placement, self.plain))
        return one - plain


def _sample(scores: _Scores) -> _Sample:
    ordered = [scores[seed] for seed in sorted(scores)]
    images = [points_of(samples) for _, samples in ordered if samples is not None]
    return _Sample(
        values=np.array([score for score, _ in ordered], dtype=np.float64),
        images=np.array(images) if images and len(images) == len(ordered) and len(images[0]) > 1 else None,
    )


def _of_images(samples: Sequence[_Sample]) -> float:
    """Return the variance over images of the mean of samples that share their images; NaN where some are not known."""
    means = [each.images.mean(axis=0) for each in samples if each.images is not None]
    if len(means) < len(samples):
        return math.nan
    together: Floats = np.array(means, dtype=np.float64).mean(axis=0)
    return float(together.var(ddof=1)) / len(together)
