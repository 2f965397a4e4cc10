"""Pareto fronts of losses: arrays (n, m) of n points and m >= 1 objectives, finite, smaller is better.

One point dominates another if it is nowhere larger and somewhere smaller. Equal points do not dominate one
another, so duplicates share one fate.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seplace.errors import InputError

Losses = NDArray[np.float64]


def reference_cost(cheapest: float, dearest: float) -> float:
    """Return the reference cost of hypervolumes: half a percent of the range above `dearest`."""
    return dearest + 0.005 * ((dearest - cheapest) or dearest)


def front(losses: ArrayLike) -> NDArray[np.bool_]:
    """Return the mask (n,) of the points that no other point dominates."""
    distinct, group = _distinct(_checked(losses))
    return _front_of_distinct(distinct)[group]


def ranks(losses: ArrayLike) -> NDArray[np.int64]:
    """Return the rank of each point (n,): 0 on the front, 1 on the front of the rest, and so on."""
    distinct, group = _distinct(_checked(losses))
    rank = np.empty(len(distinct), dtype=np.int64)
    if distinct.shape[1] == 2:
        # In lexicographic order a point is dominated by a front exactly if that front's least second loss
        # so far is not above its own; these least losses ascend with the fronts, so the first front that
        # spares it is found by bisection.
        least: list[float] = []
        for point, second in enumerate(distinct[:, 1].tolist()):
            rank[point] = bisect_right(least, second)
            least[rank[point] : rank[point] + 1] = [second]
        return rank[group]
    rest = np.arange(len(distinct))
    peeled = 0
    while len(rest):
        kept = _front_of_distinct(distinct[rest])
        rank[rest[kept]] = peeled
        rest = rest[~kept]
        peeled += 1
    return rank[group]


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """Return the exact volume that the points dominate up to `reference` (m,), in the product of the units.

    A point that is not smaller than the reference in every objective adds nothing. Slicing by objectives:
    quick for hundreds of points in three objectives and for tens in four.
    """
    points = _checked(losses)
    corner = np.asarray(reference, dtype=np.float64)
    if corner.shape != points.shape[1:] or not np.isfinite(corner).all():
        raise InputError(f"the reference must be {points.shape[1]} finite numbers, got {reference!r}")
    return _volume(points[(points < corner).all(axis=1)], corner)


def knee(losses: ArrayLike) -> int:
    """Return the index of the front point farthest beyond the line between the extreme points.

    Each axis is scaled to [0, 1] over the front, so that with two objectives the extremes are (0, 1) and
    (1, 0); with m objectives the hyperplane is the one through the m unit points. The distance counts
    towards the ideal point 0: on a front that bulges away from it an extreme point is the knee. An
    objective with one value on the front plays no part. The lowest index wins among equals, hence also
    on a front of one or two distinct points; raises InputError without any point.
    """
    points = _checked(losses)
    if not len(points):
        raise InputError("no knee: there is no point")
    kept = np.flatnonzero(front(points))
    low, high = points[kept].min(axis=0), points[kept].max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    # Rounded, so that the last digit of a sum does not decide between points that are equally far.
    totals = ((points[kept] - low) / span).sum(axis=1).round(12)
    return int(kept[np.argmin(totals)])


def _checked(losses: ArrayLike) -> Losses:
    points = np.asarray(losses, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 1:
        raise InputError(f"losses must have the shape (points, objectives), got {points.shape}")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise InputError(f"losses must be finite, got {points[row].tolist()} at point {row}")
    return points


def _distinct(points: Losses) -> tuple[Losses, NDArray[np.int64]]:
    """Return the distinct points in lexicographic order, and for each point its index among them."""
    order = np.lexsort(points.T[::-1])
    ordered = points[order]
    new = np.ones(len(points), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    group = np.empty(len(points), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    return ordered[new], group


def _front_of_distinct(points: Losses) -> NDArray[np.bool_]:
    """Return the front of distinct points in lexicographic order: none dominates an earlier one."""
    mask = np.zeros(len(points), dtype=bool)
    if points.shape[1] <= 2:
        last = points[:, -1]
        mask[:1] = True
        if points.shape[1] == 2:
            mask[1:] = last[1:] < np.minimum.accumulate(last)[:-1]
        return mask
    rest = np.arange(len(points))
    while len(rest):
        mask[rest[0]] = True
        rest = rest[1:][(points[rest[1:]] < points[rest[0]]).any(axis=1)]
    return mask


def _volume(points: Losses, corner: Losses) -> float:
    points, _ = _distinct(points)
    points = points[_front_of_distinct(points)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(corner[0] - points[0, 0])
    if points.shape[1] == 2:
        ceilings = np.append(corner[1], points[:-1, 1])
        return float(((corner[0] - points[:, 0]) * (ceilings - points[:, 1])).sum())
    # Between two neighboring values of the last objective the cross-section is that of the points below.
    points = points[np.argsort(points[:, -1], kind="stable")]
    depths = np.diff(points[:, -1], append=corner[-1])
    return float(
        sum(
            depth * _volume(points[: count + 1, :-1], corner[:-1])
            for count, depth in enumerate(depths.tolist())
            if depth > 0
        )
    )
