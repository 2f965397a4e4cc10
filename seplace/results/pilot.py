"""What the trainings of a pilot tell about noise: of trainings, of single images, and of the choice of images."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.errors import DataError
from seplace.results.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True)
class Pilot:
    """Variances measured in the trainings of placements that have two seeds or more, as fractions of 1."""

    accuracy: float
    """The mean accuracy of these trainings."""
    noise: float
    """The standard deviation of one training about its placement and its seed, on the pilot's validation images."""
    freedom: int
    """The degrees of freedom of `noise`."""
    images: int | None
    """The number of validation images whose results are known one by one; None where only accuracies are known."""
    flips: float | None
    """The variance of the result of one training on one image, averaged over images."""
    difference: float | None
    """The variance over images of the difference to the plain backbone, plus one standard error as in the model.

    None without two seeds of the plain backbone and of another placement.
    """


def pilot_of(evaluations: Sequence[Evaluation]) -> Pilot:
    """Measure the noise of complete trainings; raises DataError unless one placement has two seeds.

    Seeds are taken for shared by all placements where the trainings suffice to separate their effect; else it is part
    of the noise.
    """
    complete = sorted((row for row in evaluations if row.value is not None), key=lambda row: row.key)
    seeds: dict[str, int] = defaultdict(int)
    for row in complete:
        seeds[str(row.placement)] += 1
    rows = [row for row in complete if seeds[str(row.placement)] > 1]
    if not rows:
        raise DataError("no placement was trained on two seeds, so the noise of a training is not known")
    residual, freedom = _residual_maker(rows)
    accuracies = np.array([row.value for row in rows], dtype=float) / 100
    of_images = _bits_of(rows)
    measured: tuple[int | None, float | None, float | None] = (None, None, None)
    if of_images is not None:
        count = of_images.shape[1]
        # Traces over the products of rows: nothing of the size (trainings, images) is made twice.
        flips = float((residual * (of_images @ of_images.T)).sum()) / (freedom * count)
        measured = (count, max(flips, 0.0), _difference(rows, of_images))
    images, flips_or_none, difference = measured
    return Pilot(
        accuracy=float(accuracies.mean()),
        noise=math.sqrt(max(float(accuracies @ residual @ accuracies), 0.0) / freedom),
        freedom=freedom,
        images=images,
        flips=flips_or_none,
        difference=difference,
    )


def _residual_maker(rows: Sequence[Evaluation]) -> tuple[Floats, int]:
    """Return the projection (rows, rows) onto what neither placements nor seeds explain, and its rank."""
    placements = _indicators([str(row.placement) for row in rows])
    both = np.hstack([placements, _indicators([row.seed for row in rows])])
    for design in (both, placements):
        freedom = len(rows) - int(np.linalg.matrix_rank(design))
        if freedom > 0:
            break
    residual: Floats = np.eye(len(rows)) - design @ np.linalg.pinv(design)
    return residual, freedom


def _indicators(values: Sequence[str] | Sequence[int]) -> Floats:
    levels = np.unique(np.array(values))
    return np.asarray(np.array(values)[:, None] == levels, dtype=np.float64)


def _bits_of(rows: Sequence[Evaluation]) -> NDArray[np.float32] | None:
    """Return 1 where a training got an image right (rows, images); None unless all rows have the same images."""
    bits = [row.correct for row in rows if row.correct is not None]
    if len(bits) < len(rows) or len({each.count for each in bits}) > 1:
        return None
    return np.array([each.unpacked() for each in bits], dtype=np.float32)


def _difference(rows: Sequence[Evaluation], bits: NDArray[np.float32]) -> float | None:
    """Return Var_i of the difference to the plain backbone, averaged over placements, plus its standard error.

    The covariance over images of differences on two different seeds has no part of the trainings' noise.
    """
    at: dict[str, dict[int, int]] = defaultdict(dict)
    for position, row in enumerate(rows):
        at["plain" if row.placement.is_plain else str(row.placement)][row.seed] = position
    plain = at.pop("plain", {})
    products = []
    for of_seed in at.values():
        shared = sorted(set(of_seed) & set(plain))
        if len(shared) < 2:
            continue
        gains = bits[[of_seed[seed] for seed in shared]] - bits[[plain[seed] for seed in shared]]
        gains -= gains.mean(axis=1, keepdims=True)
        # Of each image, the mean over all pairs of two seeds.
        pairs = gains.sum(axis=0) ** 2 - (gains**2).sum(axis=0)
        products.append(pairs / (len(shared) * (len(shared) - 1)))
    if not products:
        return None
    of_image: Floats = np.asarray(products, dtype=np.float64).mean(axis=0)
    return max(float(of_image.mean()), 0.0) + float(of_image.std()) / math.sqrt(len(of_image))
