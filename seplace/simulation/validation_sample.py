"""A validation split of finitely many images, for any search problem: which of them each training classifies right.

The accuracy of a training in a problem is that on infinitely many images, A. Of a split, image i is classified right
where m + z(i) is positive, with m the A quantile of the standard normal distribution. z(i) is standard normal over
images, so that the expected share is A. It is a sum of what all trainings find in the image, of what the choice in each
stage, the placement, the seed, the seed together with each choice, and the single training add to it. What trainings on
different seeds have in common is an error of the split, which no further seed makes smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from seplace.arrays import Floats, ImageBits
from seplace.seeds import derive_seed

if TYPE_CHECKING:
    from seplace.placement import Placement
    from seplace.simulation.problem import SearchProblem


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The shares of the variance of z over images; a single training has the rest."""

    image: float = 0.66
    """Of the image itself: common to all trainings."""
    choice: float = 0.01
    """Of the choice in each stage, `none` included; all trainings with this choice have it in common."""
    placement: float = 0.02
    seed: float = 0.10
    """Of the seed and the backbone, whatever the choices."""
    seed_choice: float = 0.01
    """Of the choice in each stage on one seed."""

    def of_a_training(self, stages: int) -> float:
        """Return the share that a single training has for itself. Raises ValueError if nothing is left for it."""
        rest = 1 - self.image - self.placement - self.seed - stages * (self.choice + self.seed_choice)
        if rest < 0:
            raise ValueError(f"the shares of {stages} stages sum to {1 - rest:.3f}, which is more than 1")
        return rest


_SHARES = Shares()

_IMAGE, _CHOICE, _PLACEMENT, _SEED, _SEED_CHOICE, _TRAINING = range(6)

_SURE = 1e-6
"""The least distance of an accuracy, as a share, from 0 and 1."""

_SLOPE = 1.702
"""The logistic function of this multiple is nearly the normal distribution function (off by less than 0.01)."""


def with_images(problem: SearchProblem, *, images: int, seed: int, shares: Shares = _SHARES) -> SearchProblem:
    """Return a problem whose trainings are scored on a split of some images, drawn by a seed; the truth stays.

    Early accuracies are those of the same split. A cross-entropy has the error of the split that a logistic loss with
    the same m + z would have.
    """
    split = _Split(problem, images, seed, shares)
    return replace(
        problem,
        observe=lambda placement, training_seed: split.correct(placement, training_seed).accuracy,
        early=split.early,
        cross_entropy=None if problem.cross_entropy is None else split.cross_entropy,
        correct=split.correct,
    )


@dataclass(frozen=True)
class _Split:
    """Nothing is kept: each part of z is drawn again from its own stream, in whatever order trainings are asked for."""

    problem: SearchProblem
    """On infinitely many images."""
    images: int
    seed: int
    shares: Shares

    def correct(self, placement: Placement, training_seed: int) -> ImageBits:
        accuracy = self.problem.observe(placement, training_seed)
        return ImageBits.of(self._right(placement, training_seed, accuracy))

    def early(self, placement: Placement, training_seed: int, epochs: int) -> float:
        accuracy = self.problem.early(placement, training_seed, epochs)
        return 100 * float(self._right(placement, training_seed, accuracy).mean())

    def cross_entropy(self, placement: Placement, training_seed: int) -> float:
        assert self.problem.cross_entropy is not None
        height = _height(self.problem.observe(placement, training_seed))
        error = _loss(height + self._differences(placement, training_seed)).mean() - _expected_loss(height)
        return self.problem.cross_entropy(placement, training_seed) + float(error)

    def _right(self, placement: Placement, training_seed: int, accuracy: float) -> NDArray[np.bool_]:
        return np.asarray(_height(accuracy) + self._differences(placement, training_seed) > 0)

    def _differences(self, placement: Placement, training_seed: int) -> Floats:
        """Return z of each image (images,)."""
        space, shares = self.problem.space, self.shares
        split = derive_seed("validation sample", self.problem.name)
        backbone, *levels = space.indices(placement)
        index = space.index(placement)
        parts = [
            (shares.image, (_IMAGE,)),
            (shares.placement, (_PLACEMENT, index)),
            (shares.seed, (_SEED, training_seed, backbone)),
            (shares.of_a_training(len(levels)), (_TRAINING, training_seed, index)),
        ]
        for stage, level in enumerate(levels):
            parts += [
                (shares.choice, (_CHOICE, stage, level)),
                (shares.seed_choice, (_SEED_CHOICE, training_seed, backbone, stage, level)),
            ]
        total = np.zeros(self.images)
        for share, key in parts:
            random = np.random.default_rng([split, self.seed, *key])
            total += np.sqrt(share) * random.standard_normal(self.images)
        return total


def _height(accuracy: float) -> float:
    """Return m of an accuracy in percent."""
    return float(ndtri(np.clip(accuracy / 100, _SURE, 1 - _SURE)))


def _loss(margins: Floats) -> Floats:
    """Return the logistic loss of each margin, in nats."""
    return np.logaddexp(0, -_SLOPE * margins)


def _expected_loss(height: float) -> float:
    """Return the expected loss over infinitely many images."""
    edges = np.linspace(-6, 6, 241)
    weights = np.diff(ndtr(edges))
    return float(weights @ _loss(height + (edges[1:] + edges[:-1]) / 2) / weights.sum())
