"""The smallest gain that a study can show, before anything is trained, and what would make it smaller."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.effects.detectable import Scatter, detectable_gain
from seplace.effects.estimates import Estimates
from seplace.results.verdict import ADVISED_SEEDS, CONFIRMED, confirmation, confirmation_settings
from seplace.search.confirmation import CANDIDATES
from seplace.search.pilot import load_pilot, validation_images_of
from seplace.study.listed import first_of_each

if TYPE_CHECKING:
    from seplace.metric import Metric
    from seplace.results.pilot import Pilot
    from seplace.study.config import StudyConfig

ACCURACY = 0.7
FLIPS = 0.3
DIFFERENCE = 0.1
NOISE = 0.008
"""What is assumed without a pilot, as seen in trainings of minutes on 800 to 8,000 images of CIFAR-10 and digits.

`FLIPS` is a share of p (1 - p), the variance of an image's result if images did not differ in difficulty, with p the
accuracy; it was 0.25 to 0.43. `DIFFERENCE` is a share of the flips; it was 0 to 0.1. `NOISE` was 0.2 to 1.8 points, and
2 to 5 points in two epochs on generated tiles.
"""


@dataclass(frozen=True, kw_only=True)
class Power:
    """What a study can show: the numbers that its smallest detectable gain follows from, and where they come from."""

    images: int | None
    """Validation images; None where the data were not looked at, and where the metric is not of single images."""
    most_images: int | None
    """The most validation images that the data set leaves room for; None where that is not known."""
    seeds: int
    """Seeds of a placement and of the plain backbone in the end; those advised where a verdict needs more."""
    compared: int
    """About how many placements are compared with the plain backbone: those that get a second seed."""
    scatter: Scatter
    pilot: Pilot | None
    pilot_folder: Path | None
    metric: Metric
    obstacle: str
    """Why the study may end without a verdict at 95 %, and what to change, as sentences; empty if all is well."""

    def gain(self, *, images: int | None = None, seeds: int | None = None) -> float:
        """Return the smallest gain in points that is called better with 80 % power, as planned or with more."""
        of_images = images or self.images
        assert of_images is not None, "the number of validation images is known"
        error = self.scatter.error(images=of_images, seeds=seeds or self.seeds)
        return detectable_gain(error, compared=self.compared)

    @property
    def noise(self) -> float | None:
        """The standard deviation of one training of a pilot in the unit of the metric; None without a pilot."""
        return None if self.pilot is None else 100 * self.pilot.noise

    def gain_on_split(self, *, seeds: int | None = None) -> float:
        """Return the smallest gain, on this validation split, that is called better; a pilot says the noise."""
        assert self.noise is not None, "there is a pilot"
        return detectable_gain(self.noise * math.sqrt(2 / (seeds or self.seeds)), compared=self.compared)

    @property
    def least_gain(self) -> float:
        """The smallest gain in points with any number of seeds, which the validation images set."""
        assert self.images is not None, "the number of validation images is known"
        return detectable_gain(self.scatter.image_variance(self.images) ** 0.5, compared=self.compared)


def power_of(config: StudyConfig, images: Mapping[str, Any], *, pilot: Path | None) -> Power:
    """Return what a study can show.

    Args:
        config: The study.
        images: The description of its data; empty if none was looked at.
        pilot: The results folder of a study on the same task, in which noise is measured; None for assumed noise.

    Raises:
        InputError: The pilot has another data set, or other classes.
        DataError: The pilot is no results folder, or no placement in it has two seeds.

    """
    measured, of_pilot = (None, None) if pilot is None else load_pilot(pilot, config, images)
    seeds, obstacle = _seeds_of(config)
    return Power(
        images=validation_images_of(config, images) if config.metric.is_accuracy else None,
        most_images=_most_images(config, images),
        seeds=seeds,
        compared=_compared(config),
        scatter=scatter_of(measured, images=of_pilot),
        pilot=measured,
        pilot_folder=pilot,
        metric=config.metric,
        obstacle=obstacle,
    )


def scatter_of(pilot: Pilot | None, *, images: int | None) -> Scatter:
    """Return what a pilot measured on `images` validation images, and what is assumed for the rest."""
    accuracy = ACCURACY if pilot is None else pilot.accuracy
    flips = FLIPS * accuracy * (1 - accuracy)
    if pilot is None:
        return Scatter(noise=NOISE, flips=flips, difference=DIFFERENCE * flips)
    if pilot.flips is not None:
        flips = pilot.flips
    elif images is not None:
        flips = min(flips, images * pilot.noise**2)  # single images explain no more than all of the noise
    noise = max(pilot.noise**2 - (0.0 if images is None else flips / images), 0.0) ** 0.5
    difference = DIFFERENCE * flips if pilot.difference is None else pilot.difference
    return Scatter(noise=noise, flips=flips, difference=difference)


def _most_images(config: StudyConfig, images: Mapping[str, Any]) -> int | None:
    """Return the validation images if all that train nothing were held out, or half of the training images.

    None where the data were not looked at, or the split that the study takes a part of is not known.
    """
    uses = images.get("uses", {})
    if config.own_training is not None or not {"train", "validation"} <= uses.keys():
        return None
    used = int(uses["train"]["images"])
    if config.data.train_images is None:
        return int(uses["validation"]["images"]) + used // 2
    whole = images.get("splits", {}).get("train", {}).get("images")
    return int(whole) - used if whole is not None and config.data.validation_images is not None else None


def _compared(config: StudyConfig) -> int:
    """Return how many placements get a second seed, the plain backbone aside."""
    space = config.search_space
    marks = (space.baselines | config.own_baselines).values()
    candidates = config.candidates + sum(
        placement not in (first_of_each(config.listed) or space) for placement in marks
    )
    trained = candidates if config.search.trainings is None else min(config.search.trainings, candidates)
    if config.search.sampler != "exhaustive":
        trained = min(trained, CANDIDATES + len(marks))
    return max(trained - 1, 1)


def _seeds_of(config: StudyConfig) -> tuple[int, str]:
    """Return the seeds that placements have in the end, and what is in the way of a verdict; empty if nothing is."""
    search, confirm = config.search, config.confirm
    seeds = 1
    if search.sampler == "exhaustive":
        rounds = search.seeds if search.trainings is None else search.trainings // config.candidates
        seeds = max(min(search.seeds, rounds), 1)
    if confirm is not None:
        added = max(confirm.trainings // CONFIRMED, min(confirm.trainings // 2, 1))
        seeds = max(seeds, min(confirm.seeds, seeds + added))
    if seeds >= Estimates.FEWEST_SEEDS:
        return seeds, ""
    may = "may end without a verdict" if search.seeds >= Estimates.FEWEST_SEEDS else "cannot end with a verdict"
    needs = f"This study {may}: at 95 % it needs two seeds of a placement and of the plain backbone."
    if confirm is None:
        options = shlex.join(confirmation_settings(ADVISED_SEEDS))
        return (
            ADVISED_SEEDS,
            f"{needs} Add to the study file: {confirmation(ADVISED_SEEDS)}, or to the commands plan and run: {options}",
        )
    if confirm.seeds < Estimates.FEWEST_SEEDS:
        return ADVISED_SEEDS, f"{needs} Set confirm.seeds to {ADVISED_SEEDS} (it is {confirm.seeds})."
    rule = f"Set confirm.trainings to {CONFIRMED} or more (it is {confirm.trainings})."
    return Estimates.FEWEST_SEEDS, f"{needs} {rule}"
