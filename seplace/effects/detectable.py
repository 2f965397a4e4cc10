"""The smallest gain that a study would call better than the plain backbone: a power calculation.

The gain of a placement p over the plain backbone q, from S paired seeds on V validation images, has the variance

    Var_i[pi(p, i) - pi(q, i)] / V  +  2 (noise² + flips / V) / S

where pi(p, i) is the probability over seeds that a training of p classifies image i correctly, `noise` the standard
deviation of the accuracy of one training on all images there are, and `flips` the mean over images of the variance of
one training's result on one image. Both are about what placements share on a seed. Seeds reduce the second term alone,
images both. A verdict calls a gain better when it exceeds a common number of its standard errors, the
margin of Dunnett's comparison of many with one (J. Am. Stat. Assoc. 50, 1955): all placements share the plain
backbone's error, so their comparisons correlate with 1/2.

This is the error of a placement that is judged by its own trainings. The model of effects learns from the trainings of
other placements too. Where effects add up over stages it shows such a gain in 83 to 95 % of studies; a placement
that stands out from all that resemble it needs a gain of one and a half times this size (tests/benchmarks/power.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from seplace.effects.estimates import SURE, Estimates
from seplace.placement import Placement

POWER = 0.8
"""The probability with which a gain of the smallest size is called better, unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """How much accuracies scatter over trainings and over images, all as fractions of 1."""

    noise: float
    """The standard deviation of the accuracy of one training on all images there are."""
    flips: float
    """The variance of the result of one training on one image, averaged over images."""
    difference: float
    """The variance over images of the difference between a placement and the plain backbone, expected over seeds."""

    @property
    def disagreement(self) -> float:
        """The share of images on which a placement and the plain backbone disagree that were trained on one seed."""
        return 2 * self.flips + self.difference

    def error(self, *, images: int, seeds: int) -> float:
        """Return the standard error in points of a gain on `images` validation images and paired seeds."""
        return math.sqrt(self.image_variance(images) + self.training_variance(images, seeds=seeds))

    def image_variance(self, images: int) -> float:
        """Return the variance of a gain, in squared points, that no seed reduces: that of the choice of images."""
        return 1e4 * self.difference / images

    def training_variance(self, images: int, *, seeds: int) -> float:
        """Return the variance of a gain, in squared points, due to its trainings.

        The noise of a training is at least that of rounding to whole images.
        """
        noise = max(self.noise**2 + self.flips / images, 1 / (12 * images**2))
        return 2e4 * noise / seeds


def detectable_gain(error: float, *, compared: int, power: float = POWER) -> float:
    """Return the smallest gain in points that a verdict would call better with a probability of `power`.

    Args:
        error: The standard error of a gain in points: of `Scatter.error` before a study; after it, the standard
            deviation of the gain in the posterior.
        compared: The number of placements that are compared with the plain backbone.
        power: The probability.

    """
    return (simultaneous_margin(compared) + float(ndtri(power))) * error


def detectable_gain_of(estimates: Estimates, plain: Placement, *, power: float = POWER) -> float | None:
    """Return the smallest gain in points that the trainings of a study would have shown with a probability of `power`.

    Its error is that of a placement by its own trainings, as in a plan, with the noise and the image variance that the
    study has shown, and the median over the placements that a verdict compares; None where it compares none. Posterior
    standard deviations are smaller, and their means are shrunk as well.
    """
    compared = estimates.comparable_with(plain)
    if not compared:
        return None
    errors = [
        math.hypot(estimates.error_by_images(each, plain), estimates.error_by_trainings(each, plain))
        for each in compared
    ]
    return detectable_gain(float(np.median(errors)), compared=len(compared), power=power)


def simultaneous_margin(compared: int) -> float:
    """Return the number of standard errors that a gain must exceed at 95 %, for all placements taken together."""
    shared = np.linspace(-8, 8, 321)
    weights = np.exp(-(shared**2) / 2)
    weights /= weights.sum()
    low, high = 0.0, 10.0
    while high - low > 1e-6:
        margin = (low + high) / 2
        # P(all standardized errors < margin), given the error that they share: half of the variance of each.
        inside = ndtr(math.sqrt(2) * margin + shared) ** compared
        low, high = (margin, high) if weights @ inside < SURE else (low, margin)
    return (low + high) / 2
