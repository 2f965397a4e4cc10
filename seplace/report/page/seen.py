"""What a study could see at all: the noise of its trainings, and the smallest gain that they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.special import chdtri

from seplace.effects.detectable import detectable_gain_of
from seplace.errors import DataError
from seplace.interval import LEVEL, Interval
from seplace.results.noise import Components, components, final_scores

if TYPE_CHECKING:
    from seplace.effects.estimates import Estimates
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The noise of a study in points, and what that lets it see; None where it is not known."""

    noise: float
    """The standard deviation of one training, as the model has learned it."""
    detectable: float | None
    """The smallest gain that the trainings show with 80 % power."""
    best_gain: Interval | None
    """The gain of the placement with the largest one."""
    images: int | None
    """The validation images that the estimates take as a sample of new ones."""
    split: Components | None
    """Variance components over placements that share seeds, by mean squares."""
    residual: Interval | None
    """The noise of a training by mean squares, with its 90 % interval for normal noise."""
    placements: int
    """Placements that share seeds, 0 where too few do."""
    seeds: int


def seen_of(
    estimates: Estimates | None, rows: Sequence[Evaluation], metric: Metric, *, plain: Placement, best: Placement | None
) -> Seen | None:
    """Return what a study could see; None before the second training, and where all are equal."""
    if estimates is None or estimates.trainings == 1 or estimates.only_value is not None:
        return None
    knows_plain = plain in estimates.position
    found, residual, shape = _components(rows, metric)
    is_compared = knows_plain and best is not None and best in estimates.position and best != plain
    return Seen(
        noise=estimates.posterior.noise_sd,
        detectable=detectable_gain_of(estimates, plain) if knows_plain else None,
        best_gain=estimates.difference(best, plain) if is_compared and best is not None else None,
        images=None if estimates.images is None else estimates.images.images,
        split=found,
        residual=residual,
        placements=shape[0],
        seeds=shape[1],
    )


def _components(
    rows: Sequence[Evaluation], metric: Metric
) -> tuple[Components | None, Interval | None, tuple[int, int]]:
    try:
        scores = final_scores(rows, metric)
    except DataError:
        return None, None, (0, 0)
    found = components(scores)
    placements, seeds = scores.shape
    freedom = (placements - 1) * (seeds - 1)
    lower, upper = (
        found.residual * (freedom / chdtri(freedom, share)) ** 0.5 for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    )
    return found, Interval(value=found.residual, lower=float(lower), upper=float(upper)), (placements, seeds)
