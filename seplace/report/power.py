"""What a study can show, in lines: the smallest gain, what it follows from, and what would make it smaller."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seplace.effects.detectable import POWER
from seplace.results.verdict import confirmation, counted

if TYPE_CHECKING:
    from seplace.results.pilot import Pilot
    from seplace.search.plan import Plan
    from seplace.search.power import Power

_USUAL = 1.0
"""The gain in points that attention seldom exceeds; a plan says what to change where a study needs a larger one."""

_MORE_IMAGES, _MORE_SEEDS = 4, 2


def power_lines(plan: Plan) -> list[str]:
    """Return the smallest gain that a study can show, the assumptions, and what to change where it is not small."""
    power = plan.power
    if not power.metric.is_accuracy and power.pilot is not None and power.noise is not None:
        return _on_split(power, power.pilot, power.noise)
    if power.images is None:
        return [f"the smallest gain that this study can show is not known: {_missing(plan)}"]
    gain = power.gain()
    then = "with that change, " if power.obstacle else ""
    lines = [
        f"{then}gains over plain of about {points(gain)} or more can be shown ({100 * POWER:.0f} % power at the "
        f"verdict's 95 %): {power.images:,} validation images, {counted(power.seeds, 'seed')} a placement in the end, "
        f"about {counted(power.compared, 'placement')} compared",
        f"  {_origin(power, power.images)}",
    ]
    if gain > _USUAL and plan.config.evaluator.folder is None:  # a tabular benchmark has no more
        is_exhaustive = plan.config.search.sampler == "exhaustive"
        lines.append(
            f"  usual gains are tenths of a point to 1 point. {ways_to_see_more(power, is_exhaustive=is_exhaustive)}"
        )
    return lines


def _on_split(power: Power, pilot: Pilot, noise: float) -> list[str]:
    """Return the smallest gain with a metric of the user's own, whose noise a pilot alone can say."""
    rough, more = power.metric.rough, _MORE_SEEDS * power.seeds
    then = "with that change, " if power.obstacle else ""
    return [
        f"{then}gains over plain of about {rough(power.gain_on_split())} or more can be shown on this validation split "
        f"({100 * POWER:.0f} % power at the verdict's 95 %): {counted(power.seeds, 'seed')} a placement in the end, "
        f"about {counted(power.compared, 'placement')} compared; {more} seeds each would show "
        f"{rough(power.gain_on_split(seeds=more))}",
        f"  measured in {power.pilot_folder} ({counted(pilot.freedom, 'degree')} of freedom): one training scatters by "
        f"{rough(noise)}",
    ]


def _missing(plan: Plan) -> str:
    """Return why the number of validation images is not known."""
    if "not_found" in plan.images:
        return f"it depends on the validation images in {plan.images['not_found']}, which is not there"
    if plan.config.own_training is not None:
        return "it depends on the noise of your own training: --pilot RESULTS measures it in earlier results"
    if plan.config.evaluator.name == "stand_alone":
        return "it depends on the validation images, which plan reads without --no-batch"
    return f"the evaluator {plan.config.evaluator.name} does not say how many validation images there are"


def _origin(power: Power, images: int) -> str:
    """Return the figures that the gain follows from, and which of them are measured."""
    scatter, pilot = power.scatter, power.pilot
    noise = f"one training scatters by {points(math.sqrt(scatter.training_variance(images, seeds=2)))}"
    flips = f"a placement and plain on one seed disagree on {100 * scatter.disagreement:.2g} % of the images"
    choice = f"the choice of {images:,} images scatters a gain by {points(math.sqrt(scatter.image_variance(images)))}"
    if pilot is None:
        return f"assumed: {flips}, {noise}, {choice}; a study on the same task measures this: --pilot RESULTS"
    measured = f"measured in {power.pilot_folder} ({counted(pilot.freedom, 'degree')} of freedom): "
    if pilot.flips is None:
        unknown = "its results do not say which images each training got right"
        return f"{measured}{noise}; {unknown}, so assumed: {flips}, {choice}"
    if pilot.difference is None:
        unknown = "the plain backbone and another placement do not share two seeds in it"
        return f"{measured}{flips}, {noise}; {unknown}, so assumed: {choice}"
    return f"{measured}{flips}, {noise}, {choice}"


def ways_to_see_more(power: Power, *, is_exhaustive: bool) -> str:
    """Say what more images and more seeds would show; first the one that tells more for its cost."""
    scatter, images = power.scatter, power.images
    assert images is not None
    seeds = _MORE_SEEDS * power.seeds
    # At the same factor, more images help more than more seeds if their variance exceeds that of whole trainings.
    by_images = scatter.difference / images > 2 * scatter.noise**2 / power.seeds
    more = _rounded(min(_MORE_IMAGES * images, power.most_images or _MORE_IMAGES * images))
    keys = "" if is_exhaustive else f" ({confirmation(seeds)})"
    with_seeds = f"{seeds} seeds each{keys} would show {points(power.gain(seeds=seeds))}"
    if by_images:
        with_seeds += f", and no number of seeds less than {points(power.least_gain)}"
    if more < 1.2 * images:
        with_images = "the data set leaves no room for many more validation images"
    else:
        with_images = f"{more:,} validation images, out of those to train on, would show "
        with_images += points(power.gain(images=more))
    ways = (with_images, with_seeds) if by_images else (with_seeds, with_images)
    return f"To see smaller gains: {'; '.join(ways)}"


def _rounded(count: int) -> int:
    """Round down to two digits."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return count // unit * unit


def points(value: float) -> str:
    """Return a difference of accuracies: `1.3 points`, `0.42 points`."""
    return f"{value:.1f} points" if value >= 0.95 else f"{value:.2g} points"
