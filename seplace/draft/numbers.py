"""The numbers of a first study: network, image size, recipe and budget, by the images and the time that there is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from seplace.backbones.describe import describe
from seplace.backbones.figures import FIGURES, Figures
from seplace.errors import DataError
from seplace.results.verdict import CONFIRMED

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone
    from seplace.draft.found import Found

_SIZES = (224, 160, 128, 96, 64, 48, 32)
"""The sides in pixels that images are resized to."""
_SMALL_IMAGES = 40
"""The side up to which a network has no stem that makes the images smaller."""
_FEW_IMAGES = 3_000
"""The training images below which a small network is taken, however large the images are."""
_HALF = "cifar_resnet8[width=0.5]"
_ENOUGH = 40
"""The trainings of a study that has found something to confirm."""
_LEAST_SEARCH = 16
_MOST_SEARCH = 80
_MOST_VALIDATION = 10_000
_STARTING = 30.0
"""Seconds of a run beside its trainings: reading images, counting costs, tables and figures."""
_BESIDE = 1.5
"""Seconds of a training beside its steps."""
_SCORING = 1 / 3
"""The time of an image that is scored, of that of an image that is trained on."""
_CHECKS = 3
"""How often a training scores the validation images."""
_SLOWER = 1.25
"""What trainings on all cores at once take longer than one alone, each on its own core."""


class Clock(Protocol):
    """Measures steps on this machine; see `step_time.Stopwatch`."""

    name: str
    cores: int
    has_gpu: bool
    has_bf16: bool

    def seconds_per_step(self, backbone: str, *, classes: int, channels: int, image_size: int, batch: int) -> float:
        """Return the time of a training step."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The network and how it is trained."""

    backbone: Backbone
    image_size: int
    epochs: int
    batch_size: int

    @property
    def learning_rate(self) -> float:
        """The peak of the schedule: 0.1 for a batch of 128, in proportion."""
        return float(f"{0.1 * self.batch_size / 128:.2g}")

    @property
    def crop_padding(self) -> int:
        """An eighth of the side, as 4 pixels are of 32."""
        return max(self.image_size // 8, 1)

    @property
    def ratios(self) -> tuple[int, ...]:
        """Reduction ratios that leave hidden units in every stage."""
        least = min(unit.widths["serial"] for unit in self.backbone.units)
        return (8, 16) if least >= 32 else (4, 8) if least >= 8 else (1,)

    @property
    def attachments(self) -> tuple[str, ...]:
        """The usual attachment, and the parallel one where all stages take it."""
        return ("serial", "parallel") if all("parallel" in unit.widths for unit in self.backbone.units) else ("serial",)


@dataclass(frozen=True, kw_only=True)
class Split:
    """The images of a study."""

    train: int
    """The images that each network is trained on."""
    of: int
    """The images that there are to train on."""
    validation: int
    is_held_out: bool
    """Whether the validation images are taken out of the training split; else the set's own are used."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What a first study says."""

    recipe: Recipe
    split: Split
    trainings: int
    confirm_trainings: int
    confirm_seeds: int
    workers: int
    """The trainings at once on the cores of this machine; 1 on a GPU."""
    seconds_per_step: float
    seconds_per_training: float
    hours: float
    """The time that was given."""
    is_enough: bool
    """Whether enough trainings fit into the time."""

    @property
    def estimated_hours(self) -> float:
        """The time of the whole study."""
        rounds = math.ceil(self.trainings / self.workers) + math.ceil(self.confirm_trainings / self.workers)
        return (rounds * self.seconds_per_training + _STARTING) / 3600


def choose(found: Found, clock: Clock, *, backbone: str | None, hours: float) -> Numbers:
    """Return the numbers for a folder: the largest network and recipe that leave time for enough trainings.

    Raises:
        DataError: There are too few images to train on some and to validate on others.
        InputError: The backbone is unknown, or too large for the images.

    """
    is_held_out = found.validation is None or not found.has_test_beside_validation
    validation = _held_out(found) if found.validation is None or is_held_out else found.validation.images
    images = found.train.images - validation * is_held_out
    batch = next((size for least, size in ((4_000, 128), (1_000, 64), (200, 32)) if images >= least), min(16, images))
    rungs = _rungs(found, backbone, images=images)

    def measured(rung: tuple[str, int]) -> float:
        return clock.seconds_per_step(
            rung[0], classes=len(found.classes), channels=found.channels, image_size=rung[1], batch=batch
        )

    def planned(rung: tuple[str, int], seconds: float, *, trained: int, epochs: int) -> Numbers:
        recipe = Recipe(backbone=describe(rung[0]), image_size=rung[1], epochs=epochs, batch_size=batch)
        split = Split(train=trained, of=images, validation=validation, is_held_out=is_held_out)
        return _with_budget(recipe, split, clock, seconds=seconds, hours=hours)

    least = measured(rungs[-1])
    for rung in rungs:
        most, fewest = _epochs(images)
        known = least if rung == rungs[-1] else None
        if (
            known is None
            and not planned(rung, _predicted(rung, rungs[-1], least), trained=images, epochs=fewest).is_enough
        ):
            continue  # measuring it would take long
        seconds = measured(rung) if known is None else known
        for epochs in (most, fewest):
            numbers = planned(rung, seconds, trained=images, epochs=epochs)
            if numbers.is_enough:
                return numbers
    for trained in _subsets(images, classes=len(found.classes)):
        numbers = planned(rungs[-1], least, trained=trained, epochs=_epochs(trained)[1])
        if numbers.is_enough:
            break
    return numbers


def _held_out(found: Found) -> int:
    """Return how many training images validate: a fifth, such that each class is among them and keeps some."""
    images, fewest, classes = found.train.images, min(found.train.counts), len(found.classes)
    if images < 2 * classes:
        raise DataError(
            f"{found.folder}: {images} training images of {classes} classes are too few: a class needs one to train on "
            "and one to validate on"
        )
    each = math.ceil(images / fewest) if fewest > 1 else classes
    count = min(max(images / 5, each, min(200, images / 3)), _MOST_VALIDATION, images / 2)
    return int(max(_rounded(count), min(each, images // 2), classes))


def _rounded(count: float) -> int:
    """Round down to two digits."""
    unit = int(10 ** max(len(str(int(count))) - 2, 0))
    return int(count) // unit * unit


def _rungs(found: Found, backbone: str | None, *, images: int) -> list[tuple[str, int]]:
    """Return backbones with image sizes, the ones that take longest first."""
    side = max(found.short_side, 1)
    sizes = [side] if side <= _SMALL_IMAGES else [size for size in _SIZES if size <= side]
    if backbone is not None:
        least = describe(backbone).min_image_size
        return [(backbone, size) for size in sizes if size >= least] or [(backbone, least)]
    if side <= _SMALL_IMAGES:
        return [(text, side) for text in _of_small_images(images)]
    large = [("resnet18", size) for size in sizes if size >= 48 and images >= _FEW_IMAGES]
    small = [(text, size) for size in sizes if size <= 64 for text in _of_small_images(images)]
    return sorted([*large, *small], key=_macs, reverse=True)


def _subsets(images: int, *, classes: int) -> list[int]:
    """Return smaller and smaller numbers of training images, the first all of them."""
    numbers = [images]
    while numbers[-1] // 2 >= max(20 * classes, 500):
        numbers.append(_rounded(numbers[-1] // 2))
    return numbers


def _of_small_images(images: int) -> list[str]:
    return [*(["cifar_resnet20"] if images >= 1_000 else []), "cifar_resnet8", _HALF]


def _macs(rung: tuple[str, int]) -> float:
    """Return the MACs of a network of the shelf for an image; 0 where they are not known."""
    text, size = rung
    figures = FIGURES.get(text)
    if text == _HALF:
        figures = Figures(0, FIGURES["cifar_resnet8"].macs // 4, "")
    return 0.0 if figures is None else figures.macs * (size / describe(text).image_size) ** 2


def _predicted(rung: tuple[str, int], other: tuple[str, int], seconds: float) -> float:
    """Predict the time of a step from that of a smaller network, which computes half as many MACs a second, or more."""
    macs, known = _macs(rung), _macs(other)
    return seconds * macs / known / 2 if macs and known else 0.0


def _epochs(images: int) -> tuple[int, int]:
    """Return the epochs that suit some training images, and the fewest that do."""
    most = next((epochs for least, epochs in ((50_000, 20), (10_000, 30), (2_000, 40)) if images >= least), 60)
    return most, most // 2


def _with_budget(recipe: Recipe, split: Split, clock: Clock, *, seconds: float, hours: float) -> Numbers:
    """Return the numbers with as many trainings as fit into the time; `seconds` is the time of a step."""
    workers = 1 if clock.has_gpu else max(1, clock.cores)
    steps = recipe.epochs * math.ceil(split.train / recipe.batch_size)
    scores = _CHECKS * split.validation * _SCORING / recipe.batch_size
    training = (steps + scores) * seconds * (_SLOWER if workers > 1 else 1) + _BESIDE
    fit = int(max(hours * 3600 - _STARTING, 0) / training) * workers
    seeds = 5 if fit >= _MOST_SEARCH + 4 * CONFIRMED else 3 if fit >= _ENOUGH else 2
    confirm = (seeds - 1) * CONFIRMED
    return Numbers(
        recipe=recipe,
        split=split,
        trainings=min(max(_rounded(max(fit - confirm, 0)), _LEAST_SEARCH), _MOST_SEARCH),
        confirm_trainings=confirm,
        confirm_seeds=seeds,
        workers=workers,
        seconds_per_step=seconds,
        seconds_per_training=training,
        hours=hours,
        is_enough=fit >= _ENOUGH,
    )
